"""Every subject on every case: what it made of it, and which semantics that is consistent with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from dirmeta.judge import diffs, modelling
from dirmeta.judge.composing import composed
from dirmeta.judge.corpus import Named, without_owners
from dirmeta.judge.results import RuleResult
from dirmeta.model import spelling
from dirmeta.model.semantics import Semantics
from dirmeta.model.tree import Node
from dirmeta.rules.words import describe
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.subjects.base import SubjectError, UnknownSubject
from dirmeta.subjects.engines.base import TIMEOUT, Composed, EngineError, Traits
from dirmeta.subjects.engines.table import engine
from dirmeta.subjects.engines.world import World

REFUSED: Final = "refused"
Model = tuple[Semantics, str]
"""Semantics and their variant."""
Status = Literal["judged", "n/a", "error"]


@dataclass(frozen=True)
class Asked:
    """What is compared.

    timeout  seconds for one call of a program of the user's
    expect   the semantics that all are held to, None for those that each declares
    """

    subjects: tuple[str, ...]
    cases: tuple[Named, ...]
    timeout: float = TIMEOUT
    expect: Model | None = None


@dataclass(frozen=True)
class Deviation:
    """One thing in which a root file system is not as a semantics has it.

    of_semantics  whether it says something of how layers are put together, see `modelling.is_of_semantics`
    """

    path: str
    want: str
    saw: str
    of_semantics: bool = True


@dataclass(frozen=True)
class Cell:
    """A subject's answer to a case.

    saw         what it shows at the case's path, as the table has it
    deviations  from the semantics that it declares
    against     models that this contradicts
    """

    case: str
    saw: str
    deviations: tuple[Deviation, ...]
    against: frozenset[str]


@dataclass(frozen=True)
class Row:
    """A subject's answers.

    status    judged · n/a (`why`: what to install) · error (`why`: how it failed)
    rules     how its diff directories, as far as they are known, stand to the rules for unpackers
    agrees    model → how many of the cases that were not refused do not contradict it
    declares  the semantics that it says it follows
    """

    subject: str
    status: Status
    why: str = ""
    version: str = ""
    declares: str = ""
    cells: tuple[Cell, ...] = ()
    seconds: float = 0.0
    agrees: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[RuleResult, ...] = ()

    @property
    def consistent(self) -> tuple[str, ...]:
        """The models that no case contradicts."""
        return tuple(name for name, cases in self.agrees.items() if cases == self.composed)

    @property
    def composed(self) -> int:
        """How many cases were not refused."""
        return sum(cell.saw != REFUSED for cell in self.cells)

    @property
    def deviates(self) -> bool:
        """Whether something is not as it declares."""
        return any(cell.deviations for cell in self.cells)

    @property
    def fails(self) -> bool:
        """Whether it breaks a rule for unpackers."""
        return any(result.verdict == "fail" for result in self.rules)


def judge(spec: str, asked: Asked) -> Row:
    """Everything of one subject. Raises UnknownSubject; all else that goes wrong is in the row."""
    began = time.monotonic()
    try:
        subject = engine(spec, asked.timeout)
    except UnknownSubject:
        raise
    except SubjectError as why:
        return Row(spec, "n/a", str(why))
    traits = subject.traits
    if asked.expect:
        semantics, variant = asked.expect
        traits = replace(traits, semantics=semantics, variant=variant)
    row = Row(subject.name, "n/a", "", subject.version, traits.model)
    if subject.root and not _is_root():
        return replace(row, why="needs root; run as root")
    try:
        with World(subject) as world:
            seen = composed(world, asked.cases)
    except EngineError as why:
        return replace(row, status="error", why=str(why))
    cells = tuple(_cell(each, seen[each.name], traits) for each in asked.cases)
    agrees = {
        name: sum(name not in cell.against for cell in cells if cell.saw != REFUSED)
        for name, *_ in modelling.models()
    }
    rules = diffs.judged(row.subject, asked.cases, {name: each.layers for name, each in seen.items()}, traits)
    seconds = time.monotonic() - began
    return replace(row, status="judged", cells=cells, agrees=agrees, rules=rules, seconds=seconds)


def _is_root() -> bool:
    return os.geteuid() == 0 and not in_user_namespace()


def _cell(named: Named, seen: Composed, traits: Traits) -> Cell:
    declared = _deviations(named, seen, traits, traits.semantics, traits.variant)
    if seen.tree is None:  # which says nothing of how it puts layers together
        return Cell(named.name, REFUSED, declared, frozenset())
    against = frozenset(
        name
        for name, semantics, variant in modelling.models()
        if any(each.of_semantics for each in _deviations(named, seen, traits, semantics, variant))
    )
    return Cell(named.name, shown(named.path, seen), declared, against)


def _deviations(
    named: Named, seen: Composed, traits: Traits, semantics: Semantics, variant: str
) -> tuple[Deviation, ...]:
    want = modelling.expected(named.case, traits, semantics, variant)
    if want is None or seen.tree is None:
        refused = f"refused: {seen.refused}" if seen.tree is None else "composed"
        as_wanted = (want is None) == (seen.tree is None)
        return (
            () if as_wanted else (Deviation("the image", "refused" if want is None else "composed", refused),)
        )
    found = modelling.deviations(want, seen.tree, traits, seen.began, seen.ended)
    told = (Deviation(each.path, *describe(each), modelling.is_of_semantics(each)) for each in found)
    return tuple(dict.fromkeys(told))  # mode and owner that differ are told in the same words


def shown(path: str, seen: Composed) -> str:
    """What stands at a path: ``0750 7:8 0 user.probe``, ``-> usr/bin``, ``now`` for the time of unpacking."""
    node = (seen.tree or {}).get(path)
    if node is None:
        return "nothing"
    if node.kind == "symlink":
        return f"-> {node.target}"
    return " ".join((f"{node.mode:04o}", f"{node.uid}:{node.gid}", _time(node, seen), *dict(node.xattrs)))


def _time(node: Node, seen: Composed) -> str:
    if node.mtime is None or modelling.is_now(node, seen.began, seen.ended):
        return "now"
    return spelling.seconds_text(node.mtime)


def compare(asked: Asked, tell: Callable[[Row], None]) -> tuple[Row, ...]:
    """A row for each subject, in the order given; `tell` hears of each as it is settled."""
    rows = []
    if not _is_root():
        asked = replace(asked, cases=without_owners(asked.cases))
    for spec in asked.subjects:
        rows.append(judge(spec, asked))
        tell(rows[-1])
    return tuple(rows)


@dataclass(frozen=True)
class Matrix:
    """A whole comparison."""

    cases: tuple[Named, ...]
    rows: tuple[Row, ...]
    seconds: float

    @property
    def judged(self) -> list[Row]:
        return [row for row in self.rows if row.status == "judged"]
