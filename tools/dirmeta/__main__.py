"""The command `dirmeta`, which is ``python -m dirmeta`` too."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 3
"""The exit status of what Ctrl-C has ended: the harness could not do its work."""


def main() -> None:
    """The console script. Ctrl-C is one line from the beginning on: loading the rest takes a while."""
    try:
        from dirmeta import cli  # noqa: PLC0415

        cli.main()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is still to be cleaned up is
        print("dirmeta: interrupted; nothing was left behind", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
