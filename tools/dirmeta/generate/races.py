"""Strategies for races: a few operations by several processes in the same few directories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import strategies, wellformed
from dirmeta.generate.choices import Choices
from dirmeta.generate.founded import FOUNDED, founded
from dirmeta.generate.pools import Pools, pools
from dirmeta.model import paths, rehearsal
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import drawn_for
from dirmeta.model.stack import Case, Operation, Setup

ACTORS: Final = 3
"""Processes that act; operation number n of a program is done by number n modulo this."""
OPERATIONS: Final = 9
"""The most that a race has: all their serial orders are gone through."""
_BYTES: Final = 4
_DIRECTORIES: Final = 2


def cases(limits: Limits) -> SearchStrategy[Case]:
    """Cases with up to `OPERATIONS` operations by the mounter, in at most `_DIRECTORIES` directories, those
    in which marks matter, if there are any; and renames of these, under names that are operated on too."""
    size = 16 + wellformed.STACK_SIZE + FOUNDED + OPERATIONS * _BYTES
    return strategies.drawn(size, lambda choices: _case(choices, limits))


def _case(choices: Choices, limits: Limits) -> Case:
    namespace = choices.pick(limits.namespaces)
    reused = choices.chance(1, 3)
    setup = Setup(
        namespace, layout="model", upper=True, backing=limits.backings[0], reused=reused, raced=True
    )
    if choices.chance(2, 3) and (namespace, ("redirect_dir", "on")) not in limits.refused:
        setup = replace(setup, options=(("redirect_dir", "on"),))
    stack = wellformed.stack(choices.part(wellformed.STACK_SIZE), pools(limits), 2)
    case = Case(founded(choices.part(FOUNDED), stack, pools(limits)), setup)
    mounted = rehearsal.begun(case, drawn_for(setup, limits)).mounted
    found = sorted(path for path in mounted.view.contributors if path)
    chosen = [path for path in found if mounted.by_marks(path)] or found or [paths.ROOT]
    places = [choices.pick(chosen) for _ in range(_DIRECTORIES)]
    moves = _moves(choices, places)
    places += [str(dict(args)["to"]) for _, args in moves[:1]]
    program = [_operation(choices.part(_BYTES), places, pools(limits)) for _ in range(OPERATIONS)]
    if choices.chance(2, 3):  # a mixture of mode and owner shows where one process changes both
        for number, act in enumerate(choices.pick((_MODE_FIRST, _MODE_FIRST[::-1]))):
            program[number * ACTORS] = Operation(*act(choices, places[0], places, pools(limits)))
    for actor, move in enumerate(moves, 1):
        program[actor + ACTORS * choices.index(2)] = Operation(*move)
    return replace(case, program=tuple(program))


def _moves(choices: Choices, places: list[str]) -> list[_Done]:
    """Renames of directories that are operated on, by as many processes: none, one, or another that takes it
    back or gives two directories each other's names."""
    source, other = places if choices.chance(1, 2) else reversed(places)
    if not choices.chance(2, 3) or source == paths.ROOT:
        return []
    apart = not (source == other or paths.below(source, other) or paths.below(other, source))
    there = [paths.ROOT, paths.parent(source), *([other] if apart else [])]
    to = paths.join(choices.pick(there), _MOVED)
    moves: list[_Done] = [("rename", (("path", source), ("to", to)))]
    if choices.chance(1, 3):
        moves.append(("rename", (("path", to), ("to", source))))
    elif apart and choices.chance(1, 3):
        moves.append(("rename", (("path", source), ("to", other), ("flags", "exchange"))))
    return moves


def _operation(choices: Choices, places: list[str], pool: Pools) -> Operation:
    act, directory = choices.pick(_ACTS), choices.pick(places)
    return Operation(*act(choices, directory, places, pool))


_Done = tuple[str, tuple[tuple[str, str | int], ...]]
_Act = Callable[[Choices, str, list[str], Pools], _Done]
_MOVED: Final = "moved"
_NAMES: Final = ("new", "other", "added")
_MODES: Final = (0o755, 0o700, 0o1777, 0o2775)


def _in(choices: Choices, directory: str) -> str:
    return paths.join(directory, choices.pick(_NAMES))


def _chmod(choices: Choices, at: str, _places: list[str], _pool: Pools) -> _Done:
    return "chmod", (("path", at), ("mode", choices.pick(_MODES)))


def _chown(choices: Choices, at: str, _places: list[str], pool: Pools) -> _Done:
    return "chown", (("path", at), ("uid", choices.pick(pool.owners)[0]))


_MODE_FIRST: Final[tuple[_Act, ...]] = (_chmod, _chown)
_ACTS: Final[tuple[_Act, ...]] = (
    _chmod,
    lambda choices, at, places, pool: ("create", (("path", _in(choices, at)), ("mode", 0o644))),
    lambda choices, at, places, pool: (
        "rename",
        (("path", _in(choices, at)), ("to", _in(choices, choices.pick(places)))),
    ),
    _chown,
    lambda choices, at, places, pool: ("mkdir", (("path", _in(choices, at)), ("mode", 0o755))),
    lambda choices, at, places, pool: ("unlink", (("path", _in(choices, at)),)),
    lambda choices, at, places, pool: ("setxattr", (("path", at), ("name", "user.a"), ("value", "r"))),
    lambda choices, at, places, pool: ("utimens", (("path", at), ("mtime", choices.pick(pool.times)))),
)
