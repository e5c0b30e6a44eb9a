"""Several processes at once: their answers and what is left have to be those of some serial order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dirmeta.model import listing, rehearsal
from dirmeta.model.mounted import Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Operation
from dirmeta.model.tree import Tree
from dirmeta.rules.findings import Finding, differences
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


class Serial(NamedTuple):
    """Everything that serial orders with these answers come to.

    ends  the views at their ends
    met   path → metadata of the directory there at some moment
    """

    ends: list[Tree]
    met: dict[str, set[Metadata]]


def serial(start: Mounted, actors: Sequence[Sequence[Operation]], answers: Sequence[Sequence[int]]) -> Serial:
    """Go through all serial orders in which each operation is answered as it was."""
    ends: list[Tree] = []
    met: defaultdict[str, set[Metadata]] = defaultdict(set)
    todo: list[tuple[tuple[int, ...], State]] = [((0,) * len(actors), State(start))]
    known = set()
    while todo:
        done, state = todo.pop()
        key = (done, frozenset(state.mounted.upper.items()))
        if key in known:
            continue
        known.add(key)
        view = state.mounted.view
        for path in view.contributors:
            node = view.tree[path]
            met[path].add((node.mode, node.uid, node.gid))
        if all(count == len(actor) for count, actor in zip(done, actors, strict=True)):
            ends.append(view.tree)
        for number, actor in enumerate(actors):
            if done[number] == len(actor):
                continue
            operation, answer = actor[done[number]], answers[number][done[number]]
            expected = rehearsal.expected(state, operation)
            if expected.number not in (None, answer):
                continue
            upper = state.mounted.upper if answer else expected.upper
            after = rehearsal.called(state, operation, upper, answer == 0)
            todo.append(((*done[:number], done[number] + 1, *done[number + 1 :]), after))
    return Serial(ends, met)


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
    for race, orders in zip(seen.races, _orders(trial), strict=True):
        if not orders.ends:
            yield Finding("COPYUP-PRESERVE", "the answers", "those of some serial order", _answers(seen, race))
        elif not any(_is_alike(end, race.view, trial.terms.granularity) for end in orders.ends):
            yield _nearest(orders.ends, race.view, trial.terms.granularity)


def _is_alike(want: Tree, saw: Tree, granularity: int) -> bool:
    return all(each.what == "link" for each in differences(want, saw, granularity))


def _nearest(ends: Sequence[Tree], saw: Tree, granularity: int) -> Finding:
    """In what the end that comes nearest differs from what is there."""
    least = min((differences(end, saw, granularity) for end in ends), key=len)
    paths = ", ".join(dict.fromkeys(each.path or "." for each in least))
    return Finding("COPYUP-PRESERVE", paths, "what some serial order leaves", f"another {least[0].what}")


def _answers(seen: RacesSeen, race: RaceSeen) -> str:
    return "; ".join(
        f"{listing.operation(operation)}: {answer}"
        for actor, answers in zip(seen.actors, race.answers, strict=True)
        for operation, answer in zip(actor, answers, strict=True)
    )


@judges("MERGE-TOGETHER", RacesSeen, {"delegated touched": 0.1, "delegated changed": 0.3})
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
