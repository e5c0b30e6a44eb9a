"""Several processes at once: their answers and what is left have to be those of some serial order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from types import MappingProxyType
from typing import Final, NamedTuple

from dirmeta.model import listing, rehearsal
from dirmeta.model.mounted import Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Operation
from dirmeta.model.tree import Tree
from dirmeta.rules.endings import Wrong, closest
from dirmeta.rules.findings import Finding
from dirmeta.rules.happenings import Step, happenings
from dirmeta.rules.registry import Trial, judges
from dirmeta.rules.serial import Metadata, Serial, serial
from dirmeta.rules.words import describe

TORN: Final = "a torn reader is caught"
"""That who reads mode and owner at two moments is seen to do so, as a kernel would be that does the same."""
_CAUGHT: Final = 0.03
"""One of a shard's races is enough to tell that it can be seen here; a busy machine does not see many."""
_TOUCHED: Final = {"delegated touched": 0.1, "delegated changed": 0.3}


class RaceSeen(NamedTuple):
    """One race.

    answers  the errno of each operation, by actor
    looks    path → every metadata that was seen there meanwhile
    view     what the mount shows afterwards
    upper    the raw upper directory, once that is unmounted
    mixed    path → the mode of one look with the owner of the next, and the other way round
    """

    answers: tuple[tuple[int, ...], ...]
    looks: Mapping[str, frozenset[Metadata]]
    view: Tree
    upper: Tree
    mixed: Mapping[str, frozenset[Metadata]] = MappingProxyType({})


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

    @cached_property
    def orders(self) -> list[Serial]:
        """What the serial orders of each race come to."""
        return [serial(self.start, self.actors, race.answers) for race in self.races]

    @property
    def sights(self) -> frozenset[str]:
        """What a pass is worth: where a reader that is torn by design is not caught, no kernel's can be. And
        what happens where they take turns."""
        caught = any(
            orders.ends and next(_torn(race.mixed, orders), None)
            for race, orders in zip(self.races, self.orders, strict=True)
        )
        return self._in_turn | (frozenset((TORN,)) if caught else frozenset())

    @cached_property
    def _in_turn(self) -> frozenset[str]:
        turns = zip_longest(*self.actors)
        program = [operation for turn in turns for operation in turn if operation is not None]
        steps = zip(program, rehearsal.followed(State(self.start), program), strict=True)
        return happenings(
            Step(state, operation, expected, (expected and expected.number) or 0)
            for operation, (state, expected) in steps
        )


def _torn(
    looks: Mapping[str, frozenset[Metadata]], orders: Serial
) -> Iterator[tuple[str, Metadata, set[Metadata]]]:
    """What was seen at a path that was there at no moment of any order, and what was."""
    for path, seen in looks.items():
        met: set[Metadata] = set().union(*(orders.met.get(each, ()) for each in orders.also(path)))
        for look in sorted(seen - met):
            yield path, look, met


def _wrong(trial: Trial) -> list[tuple[RaceSeen, list[Wrong] | None]]:
    """Each race, and in what it differs from the order that it is like most; None where no order has its
    answers."""
    if "wrong" not in trial.memo:
        seen: RacesSeen = trial.seen
        trial.memo["wrong"] = [
            (race, closest(orders, race.view, race.upper, trial.terms.granularity))
            for race, orders in zip(seen.races, seen.orders, strict=True)
        ]
    found: list[tuple[RaceSeen, list[Wrong] | None]] = trial.memo["wrong"]
    return found


def _is_mark(each: Wrong, seen: RacesSeen) -> bool:
    return each.in_upper and each.difference.name == seen.start.how.mark


@judges("COPYUP-PRESERVE", RacesSeen, _TOUCHED)
def comes_to_a_serial_order(trial: Trial) -> Iterator[Finding]:
    """What processes that change delegated directories at the same time leave, in the mount and in the upper
    directory, is what they leave one after another, in some order."""
    seen: RacesSeen = trial.seen
    if seen.failed:
        yield Finding("COPYUP-PRESERVE", "the mount", "mounted and run", seen.failed)
        return
    for race, wrong in _wrong(trial):
        if wrong is None:
            said = _answers(seen, race)
            yield Finding("COPYUP-PRESERVE", "the answers", "those of some serial order", said)
            continue
        others = [each for each in wrong if not _is_mark(each, seen)]
        if others:
            where = ", ".join(dict.fromkeys(each.where for each in others))
            want, saw = describe(others[0].difference)
            yield Finding("COPYUP-PRESERVE", where, f"{want}, as some serial order leaves it", saw)


@judges("COPYUP-UNMARKED", RacesSeen, _TOUCHED)
def leaves_no_mark(trial: Trial) -> Iterator[Finding]:
    """What they copy up at the same time has no mark in the upper directory."""
    yield from _marks("COPYUP-UNMARKED", trial, lay_there=False)


@judges("COPYUP-UPPERMARK", RacesSeen, {"delegated settled": 0.1})
def settles_once(trial: Trial) -> Iterator[Finding]:
    """Of a marked directory in the upper that they change at the same time the mark is gone; of one that
    nobody changes it is not."""
    yield from _marks("COPYUP-UPPERMARK", trial, lay_there=True)


def _marks(rule: str, trial: Trial, *, lay_there: bool) -> Iterator[Finding]:
    seen: RacesSeen = trial.seen
    for (_, wrong), orders in zip(_wrong(trial), seen.orders, strict=True):
        for each in wrong or ():
            places = orders.also(each.difference.path, back=True)
            if _is_mark(each, seen) and lay_there == any(map(seen.start.is_marked_upper, places)):
                yield Finding(rule, each.where, *describe(each.difference))


def _answers(seen: RacesSeen, race: RaceSeen) -> str:
    return "; ".join(
        f"{listing.operation(operation)}: {answer}"
        for actor, answers in zip(seen.actors, race.answers, strict=True)
        for operation, answer in zip(actor, answers, strict=True)
    )


@judges("MERGE-TOGETHER", RacesSeen, {**_TOUCHED, TORN: _CAUGHT})
def is_never_torn(trial: Trial) -> Iterator[Finding]:
    """Nobody who looks at a directory meanwhile sees the mode of one layer with the owner of another."""
    seen: RacesSeen = trial.seen
    for race, orders in zip(seen.races, seen.orders, strict=True):
        if not orders.ends:
            continue  # what was met is not known then
        for path, (mode, uid, gid), met in _torn(race.looks, orders):
            want = " or ".join(f"{m:04o} {u}:{g}" for m, u, g in sorted(met))
            yield Finding("MERGE-TOGETHER", path, want or "nothing", f"{mode:04o} {uid}:{gid} meanwhile")
