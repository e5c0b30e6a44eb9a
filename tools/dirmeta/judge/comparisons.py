"""How two kernels are compared by one rule: what is seen of a case on both, and what that says.

COMPAT-UNMARKED: without its marks a stack behaves the same on both. COMPAT-MOVE: with them each kernel
follows its own rule, also in an upper that it takes over from the other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from dirmeta.judge.behaving import behaviour, is_unique
from dirmeta.judge.moving import NoVisit, Start, Visit, as_ruled, starts, visited
from dirmeta.judge.packs import split
from dirmeta.judge.sides import Side, Sides
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.compat import Unlike, unlike
from dirmeta.rules.findings import differences
from dirmeta.rules.seen import Behaviours, Pairs
from dirmeta.rules.words import describe, metadata, presence

Lines = tuple[tuple[str, str], ...]
"""Each a label and words."""


class Comparison(Protocol):
    """One rule, two kernels."""

    rule: str

    def see(self, case: Case, sides: Sides) -> Any:
        """Do it on both kernels. Raises LabError, SideBroke."""
        ...

    def split(self, seen: Any, cases: Sequence[Case]) -> list[Any]:
        """One record a case, from that of a pack."""
        ...

    def unlike(self, seen: Any, granularity: int) -> Iterator[Unlike]:
        """Everything that the rule does not explain."""
        ...

    def is_explained(self, seen: Any) -> bool:
        """Whether the kernels differ as the rule of each has it."""
        ...

    def beside(self, each: Unlike, seen: Any) -> Lines:
        """One thing in which they are unlike, the kernels side by side."""
        ...


class Unmarked:
    """COMPAT-UNMARKED: nothing may differ."""

    rule = "COMPAT-UNMARKED"

    def see(self, case: Case, sides: Sides) -> Behaviours:
        first, second = (side.observe(behaviour, case) for side in (sides.a, sides.b))
        return Behaviours(first, second, (sides.a.letter, sides.b.letter))

    def split(self, seen: Behaviours, cases: Sequence[Case]) -> list[Behaviours]:
        return split(seen, len(cases), [len(case.stack) for case in cases])

    def unlike(self, seen: Behaviours, granularity: int) -> Iterator[Unlike]:
        return unlike(seen.first, seen.second, granularity)

    def is_explained(self, seen: Behaviours) -> bool:
        return False

    def beside(self, each: Unlike, seen: Behaviours) -> Lines:
        return tuple(zip(seen.names, (each.first, each.second), strict=True))


class Moves(NamedTuple):
    """What became of one stack on both kernels.

    ruled  visit → (what the rule of the kernel makes of what lay there, what was seen)
    shown  start → (what A showed first, what B did)
    """

    ruled: Pairs
    shown: Pairs


class Moved:
    """COMPAT-MOVE: each mounts the layers, and then with the upper that the other one has left."""

    rule = "COMPAT-MOVE"

    def see(self, case: Case, sides: Sides) -> Moves:
        ruled: dict[str, tuple[Tree, Tree]] = {}
        shown: dict[str, tuple[Tree, Tree]] = {}
        a, b = sides.a, sides.b
        try:
            for start in starts(case):
                first, second = _visit(a, case, start, 0), _visit(b, case, start, 0)
                shown[start.name] = (first.visit.shown, second.visit.shown)
                third = _visit(b, case, _taken_over(start, a, first.visit), 1)
                fourth = _visit(a, case, _taken_over(start, b, second.visit), 1)
                ruled |= first.ruled | second.ruled | third.ruled | fourth.ruled
        except NoVisit as error:
            return Moves(Pairs({}, str(error)), Pairs({}, str(error)))
        return Moves(Pairs(ruled), Pairs(shown))

    def split(self, seen: Moves, cases: Sequence[Case]) -> list[Moves]:
        layers = [len(case.stack) for case in cases]
        parts = (split(pairs, len(cases), layers) for pairs in seen)
        return [Moves(*each) for each in zip(*parts, strict=True)]

    def unlike(self, seen: Moves, granularity: int) -> Iterator[Unlike]:
        if seen.ruled.failed:
            yield Unlike("mounting", "the mount", "mounted", seen.ruled.failed)
        for label, (want, saw) in seen.ruled.pairs.items():
            for each in differences(want, saw, granularity):
                yield Unlike(f"{each.name or each.what} on {label}", each.path, *describe(each))

    def is_explained(self, seen: Moves) -> bool:
        return any(a != b for a, b in seen.shown.pairs.values())

    def beside(self, each: Unlike, seen: Moves) -> Lines:
        lines = [("want", each.first), ("saw", each.second)]
        for start, (a, b) in seen.shown.pairs.items():
            if start in each.what:
                lines += [("A", _words(a.get(each.path))), ("B", _words(b.get(each.path)))]
        return tuple(lines)


class Judged(NamedTuple):
    """A visit, and label → (what it is held against, what was seen)."""

    visit: Visit
    ruled: dict[str, tuple[Tree, Tree]]


def _visit(side: Side, case: Case, start: Start, number: int) -> Judged:
    try:
        visit: Visit = side.observe(partial(visited, start=start, number=number), case)
    except NoVisit as error:
        raise NoVisit(f"{side.letter}, {error}") from None
    return Judged(
        visit, as_ruled(f"{side.letter}, {start.name}", case, start, visit, number, side.conditions)
    )


def _taken_over(start: Start, other: Side, left: Visit) -> Start:
    """The same layers with the upper that another kernel has left."""
    return start._replace(name=f"{start.name}, after {other.letter}", upper=_portable(left.upper))


def _portable(upper: Tree) -> Tree:
    """An upper as data: without what only means something on the file system that it was on."""
    return {
        path: node._replace(xattrs=tuple(pair for pair in node.xattrs if not is_unique(pair[0])))
        for path, node in upper.items()
    }


def _words(node: Node | None) -> str:
    return metadata(node) if node is not None and node.kind == "directory" else presence(node)


COMPARISONS: Final[tuple[Comparison, ...]] = (Unmarked(), Moved())
