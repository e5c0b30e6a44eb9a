"""`dirmeta completion`: tab completion for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete dirmeta's commands and options.

    \b
    bash: eval "$(dirmeta completion bash)"
    """
    found = get_completion_class(shell)
    assert found is not None  # click knows the three shells offered
    print(found(context.find_root().command, {}, "dirmeta", "_DIRMETA_COMPLETE").source())
