"""Several processes at once: their answers and what is left have to be those of some serial order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, zip_longest
from typing import NamedTuple

from dirmeta.model import listing, paths, program, rehearsal
from dirmeta.model.mounted import Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Operation
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.findings import Difference, Finding, differences
from dirmeta.rules.happenings import Step, happenings
from dirmeta.rules.registry import Trial, judges

Metadata = tuple[int, int, int]
"""Mode, uid and gid."""


class RaceSeen(NamedTuple):
    """One race.

    answers  the errno of each operation, by actor
    looks    path → every metadata that was seen there meanwhile
    view     what the mount shows afterwards
    """

    answers: tuple[tuple[int, ...], ...]
    looks: Mapping[str, frozenset[Metadata]]
    view: Tree


@dataclass(frozen=True)
class RacesSeen:
    """The same operations raced several times, each on a mount of its own.

    start   what lies there before
    actors  the operations of each
    """

    start: Mounted
    actors: tuple[tuple[Operation, ...], ...]
    races: tuple[RaceSeen, ...]
    failed: str = ""

    @property
    def sights(self) -> frozenset[str]:
        """That somebody looked before the end: where nobody gets to, nothing can be seen to be torn. And what
        happens where they take turns."""
        changing = any(len(looks) > 1 for race in self.races for looks in race.looks.values())
        return self._in_turn | (frozenset(("seen while it changes",)) if changing else frozenset())

    @cached_property
    def _in_turn(self) -> frozenset[str]:
        turns = zip_longest(*self.actors)
        program = [operation for turn in turns for operation in turn if operation is not None]
        steps = zip(program, rehearsal.followed(State(self.start), program), strict=True)
        return happenings(
            Step(state, operation, expected, (expected and expected.number) or 0)
            for operation, (state, expected) in steps
        )


class Serial(NamedTuple):
    """Everything that serial orders with these answers come to.

    ends  the views at their ends
    met   path → metadata of the directory there at some moment of one of them
    """

    ends: list[Tree]
    met: dict[str, set[Metadata]]


_Moment = tuple[tuple[int, ...], frozenset[tuple[str, Node]]]
"""How many operations of each actor are done, and what that left in the upper."""


def serial(start: Mounted, actors: Sequence[Sequence[Operation]], answers: Sequence[Sequence[int]]) -> Serial:
    """Go through all serial orders in which each operation is answered as it was."""
    begin = _moment((0,) * len(actors), State(start))
    states: dict[_Moment, State] = {begin: State(start)}
    before: defaultdict[_Moment, list[_Moment]] = defaultdict(list)
    todo = [begin]
    while todo:
        moment = todo.pop()
        for number, after in _followers(states[moment], moment[0], actors, answers):
            done = tuple(count + (actor == number) for actor, count in enumerate(moment[0]))
            following = _moment(done, after)
            before[following].append(moment)
            if following not in states:
                states[following] = after
                todo.append(following)
    all_done = tuple(map(len, actors))
    ends = [moment for moment in states if moment[0] == all_done]
    met: defaultdict[str, set[Metadata]] = defaultdict(set)
    for moment in _on_the_way(ends, before):
        view = states[moment].mounted.view
        for path in view.contributors:
            node = view.tree[path]
            met[path].add((node.mode, node.uid, node.gid))
    return Serial([states[moment].mounted.view.tree for moment in ends], met)


def _moment(done: tuple[int, ...], state: State) -> _Moment:
    return done, frozenset(state.mounted.upper.items())


def _followers(
    state: State, done: Sequence[int], actors: Sequence[Sequence[Operation]], answers: Sequence[Sequence[int]]
) -> Iterator[tuple[int, State]]:
    """Whose operation can be next with the answer that it had, and the state after it."""
    for number, actor in enumerate(actors):
        if done[number] == len(actor):
            continue
        operation, answer = actor[done[number]], answers[number][done[number]]
        expected = rehearsal.expected(state, operation)
        if expected.allows(answer):
            upper = state.mounted.upper if answer else expected.upper
            yield number, rehearsal.called(state, operation, upper, answer == 0)


def _on_the_way(ends: Iterable[_Moment], before: Mapping[_Moment, Iterable[_Moment]]) -> set[_Moment]:
    """The moments from which an end can be reached; others belong to no order."""
    found: set[_Moment] = set()
    todo = list(ends)
    while todo:
        moment = todo.pop()
        if moment not in found:
            found.add(moment)
            todo += before.get(moment, ())
    return found


def _orders(trial: Trial) -> list[Serial]:
    if "serial" not in trial.memo:
        seen: RacesSeen = trial.memo.setdefault("seen", trial.seen)
        trial.memo["serial"] = [serial(seen.start, seen.actors, race.answers) for race in seen.races]
    found: list[Serial] = trial.memo["serial"]
    return found


@judges("COPYUP-PRESERVE", RacesSeen, {"delegated touched": 0.1, "delegated changed": 0.3})
def comes_to_a_serial_order(trial: Trial) -> Iterator[Finding]:
    """What processes that change delegated directories at the same time leave is what they leave one after
    another, in some order."""
    seen: RacesSeen = trial.seen
    if seen.failed:
        yield Finding("COPYUP-PRESERVE", "the mount", "mounted and run", seen.failed)
        return
    lost = times_that_may_be_lost(seen)
    for race, orders in zip(seen.races, _orders(trial), strict=True):
        wrong = [_wrong(end, race.view, lost, trial.terms.granularity) for end in orders.ends]
        if not wrong:
            said = _answers(seen, race)
            yield Finding("COPYUP-PRESERVE", "the answers", "those of some serial order", said)
        elif least := min(wrong, key=len):
            where = ", ".join(dict.fromkeys(each.path or "." for each in least))
            what = f"another {least[0].what}"
            yield Finding("COPYUP-PRESERVE", where, "what some serial order leaves", what)


def _wrong(want: Tree, saw: Tree, lost: Set[str], granularity: int) -> list[Difference]:
    """In what an end differs from what is there; see `times_that_may_be_lost` for `lost`."""
    return [
        each
        for each in differences(want, saw, granularity)
        if each.what != "link" and not (each.what == "mtime" and each.path in lost)
    ]


def times_that_may_be_lost(seen: RacesSeen) -> frozenset[str]:
    """Directories whose mtime two processes can undo each other.

    Copy-up, the stock one as well, reads the parent's mtime first and puts it back last, holding nothing in
    between (ovl_copy_up_one, `pstat`): what another copy-up or utimensat does there meanwhile is undone, or
    made to last.
    """
    copied = [_copied_up(actor, seen.start) for actor in seen.actors]
    set_by = [{program.path(each) for each in actor if each.op == "utimens"} for actor in seen.actors]
    return frozenset(
        paths.parent(mine)
        for one, other in permutations(range(len(seen.actors)), 2)
        for mine in copied[one]
        if paths.parent(mine) in set_by[other]
        or any(theirs != mine and paths.parent(theirs) == paths.parent(mine) for theirs in copied[other])
    )


def _copied_up(operations: Iterable[Operation], start: Mounted) -> set[str]:
    """What shows at first, is not in the upper, and may be copied up for these operations."""
    named = {str(value) for each in operations for name, value in each.args if name in ("path", "to")}
    near = {up for path in named for up in (path, *paths.ancestors(path))}
    return {path for path in near if path and path not in start.upper and path in start.view.tree}


def _answers(seen: RacesSeen, race: RaceSeen) -> str:
    return "; ".join(
        f"{listing.operation(operation)}: {answer}"
        for actor, answers in zip(seen.actors, race.answers, strict=True)
        for operation, answer in zip(actor, answers, strict=True)
    )


@judges(
    "MERGE-TOGETHER",
    RacesSeen,
    {"delegated touched": 0.1, "delegated changed": 0.3, "seen while it changes": 0.3},
)
def is_never_torn(trial: Trial) -> Iterator[Finding]:
    """Nobody who looks at a directory meanwhile sees the mode of one layer with the owner of another."""
    seen: RacesSeen = trial.seen
    for race, orders in zip(seen.races, _orders(trial), strict=True):
        if not orders.ends:
            continue  # what was met is not known then
        for path, looks in race.looks.items():
            for mode, uid, gid in sorted(looks - orders.met.get(path, set())):
                want = " or ".join(f"{m:04o} {u}:{g}" for m, u, g in sorted(orders.met.get(path, set())))
                yield Finding("MERGE-TOGETHER", path, want or "nothing", f"{mode:04o} {uid}:{gid} meanwhile")
