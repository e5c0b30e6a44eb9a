"""One corpus on two kernels: where they differ, what explains it, and the least that shows the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dirmeta.generate import packing, strategies
from dirmeta.generate.reduce import reduce
from dirmeta.judge.bench import FACTOR
from dirmeta.judge.comparisons import COMPARISONS, Comparison, Lines
from dirmeta.judge.draw import Batch, Enough, feed
from dirmeta.judge.family import PACK, seed_of
from dirmeta.judge.opening import Wanted
from dirmeta.judge.sides import SideBroke, Sides
from dirmeta.judge.witnesses import store
from dirmeta.labs.base import LabError
from dirmeta.model import codec, listing
from dirmeta.model.stack import Case
from dirmeta.rules.compat import Unlike
from dirmeta.rules.findings import MISBEHAVIOUR

CASES: Final = 160
"""How many the quick profile compares."""
SORTS: Final = 8
"""How many sorts of difference get a witness, for each rule."""
REDUCTION_SECONDS: Final = 60.0
"""After this long a witness is good enough."""
BROKEN: Final = 3
"""Misbehaviours of a kernel before no more is drawn: each can cost a timeout."""
FLEETING: Final = "seen once and not again"

Told = Callable[[int, int], None]
"""Told how many cases are done, of how many."""


@dataclass(frozen=True)
class Deviation:
    """The least case found that shows one sort of difference, and how many cases did.

    case   in JSON form (model/codec.py); id: its name for `dirmeta replay`
    lines  what is there on the kernels, each a label and words
    log    what the kernel had to say, where it misbehaved
    """

    what: str
    cases: int
    id: str
    case: dict[str, Any]
    listing: str
    where: str
    lines: Lines
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """What came of one rule: `alike` + `explained` + `differing` cases."""

    rule: str
    alike: int
    explained: int
    differing: int
    deviations: tuple[Deviation, ...]


@dataclass
class Tally:
    """The cases of one rule so far. sorts: what differs → the cases in which it was the first thing."""

    comparison: Comparison
    alike: int = 0
    explained: int = 0
    sorts: dict[str, list[Case]] = field(default_factory=dict)

    @property
    def differing(self) -> int:
        return sum(map(len, self.sorts.values()))

    def count(self, seen: Any) -> None:
        """A case that shows nothing that is not explained."""
        if self.comparison.is_explained(seen):
            self.explained += 1
        else:
            self.alike += 1


def unheard(done: int, of: int) -> None:
    """For who waits for the results."""


def compare(
    sides: Sides,
    wanted: Wanted,
    told: Told = unheard,
    comparisons: Sequence[Comparison] = COMPARISONS,
) -> tuple[Compared, ...]:
    """Draw, compare, and reduce what differs; one result a rule. Raises LabError."""
    run = Run(sides, wanted, told, comparisons)
    # One batch more, since Hypothesis begins with its simplest: one case, many times.
    batches = 1 + -(-run.wanted // PACK)
    corpus = strategies.model_batches(sides.limits, count=min(PACK, run.wanted))
    feed(corpus, batches, seed_of("diff-kernels", 0, wanted.seed or 0), run.take)
    if not run.done:
        raise LabError("no case was compared in the time given; give it more --seconds")
    return run.results()


def compare_one(case: Case, sides: Sides, wanted: Wanted) -> tuple[Compared, ...]:
    """The same for one case."""
    run = Run(sides, wanted, unheard, COMPARISONS)
    run.take((case,))
    return run.results()


class Run:
    """A comparison under way."""

    def __init__(self, sides: Sides, wanted: Wanted, told: Told, comparisons: Sequence[Comparison]) -> None:
        self.sides = sides
        self.told = told
        self.granularity = sides.limits.mtime[2]
        self.tallies = [Tally(comparison) for comparison in comparisons]
        cases = FACTOR[wanted.profile] * CASES
        self.wanted = min(cases, wanted.examples or cases)
        self.done = 0
        self.broken = 0
        self.seconds = wanted.seconds
        self.began = time.monotonic()

    def take(self, batch: Batch) -> None:
        """Compare some cases. Raises Enough where no more are wanted."""
        if self.done >= self.wanted or self._is_over(1) or self.broken >= BROKEN:
            raise Enough
        cases = batch if self.done else tuple(dict.fromkeys(batch))
        for tally in self.tallies:
            self._compare(tally, cases)
        self.done += len(cases)
        self.told(self.done, max(self.wanted, self.done))

    def _is_over(self, times: int) -> bool:
        """Whether so many times the seconds given are over."""
        return self.seconds is not None and time.monotonic() >= self.began + times * self.seconds

    def _compare(self, tally: Tally, cases: Sequence[Case]) -> None:
        if len(cases) == 1:
            self._compare_alone(tally, cases[0])
            return
        packed = packing.pack(cases)
        try:
            seen = tally.comparison.see(packed, self.sides)
        except SideBroke:
            self._search(tally, cases, packed)
            return
        suspects = []
        for case, part in zip(cases, tally.comparison.split(seen, cases), strict=True):
            if next(tally.comparison.unlike(part, self.granularity), None) is None:
                tally.count(part)
            else:
                suspects.append(case)
        if suspects:
            self._search(tally, suspects, packed)

    def _search(self, tally: Tally, suspects: Sequence[Case], packed: Case) -> None:
        """Compare alone the cases of a pack that showed something; what one does may show in others."""
        before = tally.differing
        for case in suspects:
            if self.broken < BROKEN:
                self._compare_alone(tally, case)
        if tally.differing == before:
            tally.sorts.setdefault(FLEETING, []).append(packed)

    def _compare_alone(self, tally: Tally, case: Case) -> None:
        """Compare and count a case by itself."""
        look = self.look(tally.comparison, case)
        if look.unlike is None:
            tally.count(look.seen)
        else:
            self.broken += look.unlike.path == MISBEHAVIOUR
            tally.sorts.setdefault(look.unlike.what, []).append(case)

    def look(self, comparison: Comparison, case: Case) -> Look:
        """One case by itself on both kernels."""
        try:
            seen = comparison.see(case, self.sides)
        except SideBroke as broke:
            return Look(None, _broke(broke), broke.trouble.excerpt)
        return Look(seen, next(comparison.unlike(seen, self.granularity), None))

    def results(self) -> tuple[Compared, ...]:
        return tuple(self._result(tally) for tally in self.tallies)

    def _result(self, tally: Tally) -> Compared:
        often = sorted(tally.sorts.items(), key=lambda each: -len(each[1]))
        deviations = [self._deviation(tally.comparison, what, cases) for what, cases in often[:SORTS]]
        return Compared(
            tally.comparison.rule, tally.alike, tally.explained, tally.differing, tuple(deviations)
        )

    def _deviation(self, comparison: Comparison, what: str, cases: Sequence[Case]) -> Deviation:
        """The least that still shows it; of cases that showed it once, the first."""
        deadline = time.monotonic() + REDUCTION_SECONDS

        def shows_it(case: Case) -> bool:
            if not case.stack or time.monotonic() >= deadline or self._is_over(2):
                return False
            found = self.look(comparison, case).unlike
            return found is not None and found.what == what

        case = min(cases, key=lambda each: sum(map(len, each.stack)))
        if what not in (FLEETING, _HANGS):
            case = reduce(case, shows_it)
        look = self.look(comparison, case)
        each = look.unlike or Unlike(what, "the case", "a difference", "none later")
        lines = comparison.beside(each, look.seen) if look.seen else (("A", each.first), ("B", each.second))
        return Deviation(
            what, len(cases), store(case), codec.to_json(case), listing.render(case),
            each.path or ".", lines, look.log,
        )  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What one case showed, the first thing that is not explained, and what a broken kernel said."""

    seen: Any
    unlike: Unlike | None
    log: tuple[str, ...] = ()


_HANGS: Final = "a kernel hangs"


def _broke(broke: SideBroke) -> Unlike:
    trouble = broke.trouble
    what = _HANGS if trouble.kind == "hang" else f"a kernel misbehaves: {trouble.kind}"
    words = {"A": "goes on", "B": "goes on", broke.side.letter: f"{trouble.kind}: {trouble.line}"}
    return Unlike(what, MISBEHAVIOUR, words["A"], words["B"])
