"""Every subject on every case: what it made of it, and which semantics that is consistent with."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from dirmeta.judge import diffs, modelling
from dirmeta.judge.answers import contradictions
from dirmeta.judge.asking import Answers, Asked, answers, is_root
from dirmeta.judge.corpus import Named
from dirmeta.judge.results import RuleResult, Witness
from dirmeta.judge.witnesses import store
from dirmeta.model import spelling
from dirmeta.model.tree import Node
from dirmeta.rules.findings import Finding
from dirmeta.subjects.base import SubjectError, UnknownSubject
from dirmeta.subjects.engines.base import Composed, EngineError
from dirmeta.subjects.engines.table import engine
from dirmeta.subjects.engines.world import World

REFUSED: Final = "refused"
Status = Literal["judged", "n/a", "error"]


@dataclass(frozen=True)
class Deviation:
    """One thing in which a root file system is not as a semantics has it.

    of_semantics  whether it says something of how layers are put together, see `modelling.is_of_semantics`
    expected      whether it is known, and was shown by a witness again
    """

    path: str
    want: str
    saw: str
    of_semantics: bool = True
    expected: bool = False


@dataclass(frozen=True)
class Cell:
    """A subject's answer to a case.

    saw         what it shows at the case's path, as the table has it
    deviations  from the semantics that it declares
    against     models that this contradicts
    is_formed   whether the case is well formed: of others no model says anything
    again       the command that asks for the case again; "" where nothing deviates
    """

    case: str
    saw: str
    deviations: tuple[Deviation, ...]
    against: frozenset[str]
    again: str = ""
    is_formed: bool = True

    @property
    def is_told(self) -> bool:
        """Whether it says which models a subject is consistent with."""
        return self.is_formed and self.saw != REFUSED


@dataclass(frozen=True)
class Row:
    """A subject's answers.

    status    judged · n/a (`why`: what to install) · error (`why`: how it failed)
    rules     how its diff directories, as far as they are known, stand to the rules for unpackers
    agrees    model → how many of the cases that tell of models do not contradict it
    declares  the semantics that it says it follows, or is held to
    expected  witnesses of what it is known to do otherwise, as they were seen again
    stale     what is said to be known of it and is no longer so
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
    expected: tuple[Witness, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def consistent(self) -> tuple[str, ...]:
        """The models that no case contradicts."""
        return tuple(name for name, cases in self.agrees.items() if cases == self.composed)

    @property
    def composed(self) -> int:
        """How many cases tell of models."""
        return sum(cell.is_told for cell in self.cells)

    @property
    def deviates(self) -> bool:
        """Whether something is not as it declares and nobody expects it."""
        return any(not each.expected for cell in self.cells for each in cell.deviations)

    @property
    def deviates_as_expected(self) -> bool:
        """Whether something is not as it declares, and all of that is known."""
        return bool(self.expected) and not self.deviates

    @property
    def fails(self) -> bool:
        """Whether it breaks a rule for unpackers."""
        return any(result.verdict == "fail" for result in self.rules)

    @property
    def is_unexpected(self) -> bool:
        """Whether anything of it is wrong, or no longer as it is said to be."""
        return self.deviates or self.fails or bool(self.stale)


def judge(spec: str, asked: Asked) -> Row:
    """Everything of one subject. Raises UnknownSubject; all else that goes wrong is in the row."""
    began = time.monotonic()
    try:
        subject = engine(spec, asked.timeout)
    except UnknownSubject:
        raise
    except SubjectError as why:
        return Row(spec, "n/a", str(why))
    row = Row(subject.name, "n/a", "", subject.version, asked.traits(subject).model)
    if subject.root and not is_root():
        return replace(row, why="needs root; run it with sudo")
    try:
        with World(subject) as world:
            found = answers(subject, asked, world)
    except EngineError as why:
        return replace(row, status="error", why=str(why))
    return replace(_judged(row, found), seconds=time.monotonic() - began)


def _judged(row: Row, found: Answers) -> Row:
    cells = tuple(_cell(each, found) for each in found.cases)
    agrees = {
        name: sum(name not in cell.against for cell in cells if cell.is_told)
        for name, *_ in modelling.models()
    }
    expected, held = found.known.expected, found.held
    rules = diffs.judged(row.subject, list(_tried(found)), expected, held.witness)
    witnesses = tuple(each for several in expected.witnesses.values() for each in several)
    stale = tuple(expected.stale.values())
    return replace(
        row, status="judged", cells=cells, agrees=agrees, rules=rules, expected=witnesses, stale=stale
    )


def _tried(found: Answers) -> Iterator[diffs.Tried]:
    for named in (*found.cases, *found.probes):
        if trial := diffs.trial_of(named.case, found.seen[named.name], found.held.traits):
            yield diffs.Tried(named, trial)


def _cell(named: Named, found: Answers) -> Cell:
    seen, traits = found.seen[named.name], found.held.traits
    declared = _deviations(named, contradictions(named.case, seen, traits), found)
    again = found.held.again.format(id=store(named.case)) if declared else ""
    if seen.tree is None:  # which says nothing of how it puts layers together
        return Cell(named.name, REFUSED, declared, frozenset(), again)
    against = frozenset(
        name
        for name, semantics, variant in modelling.models()
        if any(map(_is_of_semantics, contradictions(named.case, seen, traits.following(semantics, variant))))
    )
    return Cell(named.name, shown(named.path, seen), declared, against, again, not named.case.malformed)


def _deviations(named: Named, findings: Iterable[Finding], found: Answers) -> tuple[Deviation, ...]:
    """What is wrong, once where it is told in the same words, as mode and owner are."""
    alike: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for each in findings:
        alike[each.where, each.want, each.saw].append(each)
    return tuple(
        Deviation(
            *words,
            of_semantics=any(map(_is_of_semantics, several)),
            expected=all(found.known.expected.explains(each, named.case) for each in several),
        )
        for words, several in alike.items()
    )


def _is_of_semantics(finding: Finding) -> bool:
    return finding.difference is None or modelling.is_of_semantics(finding.difference)


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
