"""`dirmeta compare`: every unpacker and storage driver that is installed, on the same cases."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from dirmeta.cli.collector import judge
from dirmeta.cli.errors import ERROR, fail
from dirmeta.cli.run import write
from dirmeta.judge import expectations
from dirmeta.judge.asking import Asked, model_of, nothing
from dirmeta.judge.corpus import corpus, probes, reported
from dirmeta.judge.matrix import Matrix, Row, compare
from dirmeta.judge.measured import changes, held, measured, of_the_table
from dirmeta.judge.opening import UsageError
from dirmeta.judge.updating_engines import update
from dirmeta.options import wanted
from dirmeta.reports.matrix import matrix_json, matrix_text, table_text
from dirmeta.reports.progress import Progress
from dirmeta.subjects import UnknownSubject
from dirmeta.subjects.engines.base import TIMEOUT
from dirmeta.subjects.engines.table import configurations, layer_subject

DEVIATES: Final = 1
UNVERIFIED: Final = 4
RULES: Final = "UNPACK-*"
BRIEFLY: Final[dict[str, Any]] = {"examples": 32, "seconds": 40.0}
"""How long each layer-level subject is judged by rules; `dirmeta run` takes its time."""


@click.command("compare")
@click.option("--subject", "subjects", metavar="SPEC", multiple=True, help="only this one; repeatable")
@click.option(
    "--expect",
    metavar="SEMANTICS",
    help="hold every subject to these, e.g. sequential/bump, whatever it declares",
)
@click.option("--cases-only", is_flag=True, help="leave out the rules for layer-level subjects")
@click.option(
    "--timeout", metavar="S", type=float, default=TIMEOUT, show_default=True,
    help="give one call of a program of yours S seconds",
)  # fmt: skip
@click.option(
    "--json", "json_file", metavar="FILE", type=click.Path(dir_okay=False), help="also write it as JSON"
)
@click.option("--table", is_flag=True, help="show every answer, held against what was once measured by hand")
@click.option(
    "--update-expectations", "updating", is_flag=True,
    help="first write what the subjects deviate in to their files of expected deviations",
)  # fmt: skip
def compare_command(
    subjects: tuple[str, ...],
    expect: str | None,
    cases_only: bool,
    timeout: float,
    json_file: str | None,
    table: bool,
    updating: bool,
) -> None:
    """Show what every installed unpacker makes of the same images, and which semantics that follows.

    \b
    dirmeta compare
    dirmeta compare --subject podman,driver=vfs --subject umoci
    dirmeta compare --subject engine:./my-engine      run as ./my-engine OCI_LAYOUT DEST
    dirmeta compare --subject flat:tar --subject overlay:cmd:./my-unpack

    Everything happens in private worlds, away from the machine's own stores and daemons, and nothing is left.
    Layer-level subjects are judged by the UNPACK rules besides, as a short `dirmeta run` does it.

    Exit status: 0 each follows the semantics it declares, but for what is expected of it (with --table:
    shows what was measured), 1 one does not, 2 wrong usage, 3 one that was asked for by name is not to be
    had, or one broke down, 4 there was nothing to judge (with --table: nothing that was measured).
    """
    _check(timeout, json_file)
    if table and updating:
        raise UsageError("--table expects nothing but what was measured; leave --update-expectations out")
    began = time.monotonic()
    cases = of_the_table(corpus()) if table else corpus() + reported()
    entries = nothing if table else expectations.load
    asked = Asked(
        subjects or tuple(configurations()), cases, timeout, model_of(expect), entries,
        probes=() if table or cases_only else probes(),
    )  # fmt: skip
    for spec in asked.subjects:  # what is wrong in a file is said at once
        entries(spec)
    if updating:
        _update(asked)
    rows = _rows(asked)
    if not table and not cases_only:
        rows = _ruled(rows)
    matrix = Matrix(cases, rows, time.monotonic() - began)
    missed = [row for row in rows if row.status == "error" or (subjects and row.status == "n/a")]
    if table:
        changed, known = list(changes(rows, measured())), held(rows, measured())
        print(table_text(matrix, changed), flush=True)
        print(f"\n{known.words(sum(len(line.shows) for line in measured().values()))}", flush=True)
        deviates, empty = any(not each.version for each in changed), not known.compared
    else:
        print(matrix_text(matrix), flush=True)
        deviates, empty = any(row.is_unexpected for row in rows), not matrix.judged
    status = DEVIATES if deviates else ERROR if missed else UNVERIFIED if empty else 0
    if json_file:
        write(json_file, matrix_json(matrix, {"kernel": os.uname().release}, status))
    if status == ERROR:
        fail(missing_words(missed), ERROR)
    if status == UNVERIFIED:
        fail(f"{what_was_not(rows, table)}; nothing was verified", UNVERIFIED)
    sys.exit(status)


def what_was_not(rows: Sequence[Row], table: bool) -> str:
    """Why a comparison says nothing."""
    if all(row.status != "judged" for row in rows):
        return "no subject is installed; `dirmeta subject list` says how each is had"
    return "no subject is one that was measured in this version" if table else "nothing was judged"


def missing_words(missed: Sequence[Row]) -> str:
    """Why some subjects could not be judged, in a line."""
    if len(missed) == 1:
        [row] = missed
        return row.why if row.why.startswith(row.subject.partition(",")[0]) else f"{row.subject}: {row.why}"
    return f"{len(missed)} subjects could not be judged, for the reasons above"


def _check(timeout: float, json_file: str | None) -> None:
    if timeout <= 0:
        raise UsageError(f"--timeout {timeout:g}: more than zero is wanted")
    if json_file and not os.access(Path(json_file).resolve().parent, os.W_OK):
        raise UsageError(f"{json_file}: its directory can not be written.")


def _update(asked: Asked) -> None:
    """Bring the files of the subjects' expectations up to date, and say so."""
    progress, told = Progress(), iter(range(1, 1 + len(asked.subjects)))
    try:
        for words in update(asked, lambda spec: progress.tell(next(told), len(asked.subjects), spec, "")):
            progress.clear()
            print(words, flush=True)
    except UnknownSubject as why:
        raise UsageError(f"--subject {why}") from None
    finally:
        progress.clear()


def _rows(asked: Asked) -> tuple[Row, ...]:
    progress = Progress()
    done: list[Row] = []

    def tell(row: Row) -> None:
        done.append(row)
        progress.tell(len(done), len(asked.subjects), row.subject, "error" if row.status == "error" else "")

    try:
        return compare(asked, tell)
    except UnknownSubject as why:
        raise UsageError(f"--subject {why}") from None
    finally:
        progress.clear()


def _ruled(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows, with the rules' verdicts on each layer-level subject at the first that puts it to use."""
    known: set[str] = set()
    return tuple(_with_rules(row, known) for row in rows)


def _with_rules(row: Row, known: set[str]) -> Row:
    name = layer_subject(row.subject)
    if row.status != "judged" or not name or name in known:
        return row
    known.add(name)
    values = {"subject": name, "rules": RULES, **BRIEFLY}
    return replace(row, rules=judge(wanted(values), values, "auto").results)
