"""`dirmeta mutants`: the suite against kernels that are known to be broken."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from dirmeta import __version__, kernels
from dirmeta.cli.kernel import Steps
from dirmeta.cli.run import write
from dirmeta.judge.killing import Kill, kill
from dirmeta.judge.opening import Wanted, open_bench, open_subject
from dirmeta.kernels.mutants import Mutant, chosen
from dirmeta.kernels.mutants import mutants as every_mutant
from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.reports.mutants import Row, exit_status, line, summary, table


def complete(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in every_mutant() if name.startswith(typed)]


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete)
@click.option(
    "--table", "table_file", metavar="FILE", type=click.Path(dir_okay=False), help="write a page about it"
)
def mutants(names: tuple[str, ...], table_file: str | None) -> None:
    """Build kernels with a known defect, and show that the rules they break notice.

    They are the patches of fixtures/kernels/mutants; without NAME all of them.

    Exit status: 0 all are killed, 1 one survives, 2 wrong usage, 3 one can not be built or judged,
    4 one breaks only what can not be checked here.
    """
    if table_file and not os.access(Path(table_file).resolve().parent, os.W_OK):
        raise click.UsageError(f"{table_file}: its directory can not be written.")
    rows = []
    for mutant in chosen(names):
        rows.append(Row(mutant, judged(mutant)))
        print(line(rows[-1]), flush=True)
    print(f"\n{summary(rows)}")
    if table_file:
        write(table_file, table(rows, f"dirmeta {__version__}, quick profile"))
    sys.exit(exit_status(rows))


def judged(mutant: Mutant) -> Kill:
    """Build a mutant and hold it against the rules that it breaks. Raises KernelError."""
    steps = Steps(sys.stderr)
    try:
        kernels.build(mutant.variant, steps)
    finally:
        steps.clear()
    wanted = Wanted(kernel=f"uml:{mutant.variant.name}")
    try:
        bench = open_bench(wanted, open_subject(wanted))
    except (LabError, Misbehaviour) as error:
        return Kill("error", reason=str(error))
    bench.reduce_until = 0.0  # that it is noticed is asked for, not how small a witness gets
    try:
        return kill(mutant.rules, bench)
    finally:
        bench.lab.close()
