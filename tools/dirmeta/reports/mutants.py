"""Which rule kills which mutant, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dirmeta.judge.killing import Kill
from dirmeta.kernels.mutants import BASE, Mutant

WORDS = {"fail": "killed", "pass": "survived", "error": "error", "unverified": "unverified", "n/a": "n/a"}
"""Verdict on the rules → fate of the mutant."""


class Row(NamedTuple):
    """A mutant and what became of it."""

    mutant: Mutant
    kill: Kill


def fate(row: Row) -> str:
    return WORDS[row.kill.verdict]


def line(row: Row) -> str:
    """``killed     any-value    MERGE-VALUE, case 12 after 0.4 s``."""
    return f"{fate(row):<11}{row.mutant.name:<36}{_what(row.kill)}"


def _what(kill: Kill) -> str:
    if kill.verdict == "fail":
        return f"{kill.rule}, case {kill.cases} after {kill.seconds:.1f} s"
    return f"{kill.rule}, {kill.reason or f'{kill.cases} cases'}"


def summary(rows: Sequence[Row]) -> str:
    """``40 of 62 mutants killed, 22 unverified``."""
    fates = [fate(row) for row in rows]
    rest = "".join(f", {fates.count(word)} {word}" for word in dict.fromkeys(fates) if word != "killed")
    return f"{fates.count('killed')} of {len(rows)} mutants killed{rest}"


def exit_status(rows: Iterable[Row]) -> int:
    """1 where one survived, else 3 where one could not be judged, else 4 where one has yet to be, else 0."""
    verdicts = {row.kill.verdict for row in rows}
    return 1 if "pass" in verdicts else 3 if "error" in verdicts else 4 if verdicts - {"fail"} else 0


def table(rows: Sequence[Row], about: str) -> str:
    """A page in Markdown. about: on what it was measured."""
    return "\n".join(_page(rows, about)) + "\n"


def _page(rows: Sequence[Row], about: str) -> Iterator[str]:
    yield "# Kernel mutants"
    yield ""
    yield f"Each is the kernel `{BASE}` with a patch of one hunk on top, from `fixtures/kernels/mutants`, and"
    yield "is held against the rules that the patch says it breaks. `tox -e mutants` builds and judges them"
    yield "and writes this page; `dirmeta mutants NAME` does one. One that survives fails it."
    yield ""
    yield "*cases* were judged until one looked wrong: those of `dirmeta run`, in order, without those that a"
    yield "subject unpacks first. *seconds* are from the first of them, in one process whose guest is up."
    yield ""
    yield f"{summary(rows)}; {about}."
    yield ""
    yield "| mutant | what it does wrong | killed by | cases | seconds |"
    yield "|---|---|---|--:|--:|"
    yield from map(_table_row, rows)


def _table_row(row: Row) -> str:
    kill = row.kill
    if kill.verdict == "fail":
        by, figures = kill.rule, f"{kill.cases} | {kill.seconds:.1f}"
    else:
        by, figures = f"**{fate(row)}** ({', '.join(row.mutant.rules)}: {kill.reason or 'content'})", " | "
    return f"| {row.mutant.name} | {row.mutant.sentence} | {by} | {figures} |"
