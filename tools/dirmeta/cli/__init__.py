"""The command `dirmeta`: one module a subcommand, thin."""

from __future__ import annotations

import click

from dirmeta import __version__
from dirmeta.cli.bench import bench
from dirmeta.cli.compare import compare_command
from dirmeta.cli.completion import completion
from dirmeta.cli.demo import demo
from dirmeta.cli.diff_kernels import diff_kernels
from dirmeta.cli.errors import one_line_errors
from dirmeta.cli.kernel import kernel
from dirmeta.cli.mutants import mutants
from dirmeta.cli.replay import replay
from dirmeta.cli.rules import rules
from dirmeta.cli.run import run
from dirmeta.cli.subject import subject
from dirmeta.cli.unpack import unpack


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dirmeta")
def commands() -> None:
    """Conformance tests for dirmeta_delegate: who decides a merged directory's metadata.

    \b
    dirmeta run                                 this machine's kernel and the reference unpacker
    dirmeta run --subject cmd:./my-unpack       an unpacker of your own
    dirmeta rules show MERGE-SOURCE             what a rule says
    dirmeta replay 3f2a91                       one case again
    dirmeta kernel build 6.12+dirmeta           a kernel with the feature
    dirmeta diff-kernels host uml:6.12          what two kernels have between them
    dirmeta compare                             what the unpackers installed here do

    Exit status: 0 all pass, 1 a rule fails, 2 wrong usage, 3 the harness or the subject can not work, or
    Ctrl-C, 4 something is unverified.
    """


for command in (
    run,
    rules,
    replay,
    unpack,
    kernel,
    subject,
    diff_kernels,
    compare_command,
    demo,
    mutants,
    bench,
    completion,
):
    commands.add_command(command)


def main() -> None:
    """Run the command. Raises SystemExit with its status, and KeyboardInterrupt."""
    with one_line_errors():
        commands(standalone_mode=False)
