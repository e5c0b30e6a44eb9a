"""``python -m dirmeta`` is the command `dirmeta`."""

from dirmeta.cli import main

if __name__ == "__main__":
    main()
