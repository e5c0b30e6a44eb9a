"""The small scope: every stack of two layers over ``a``, ``a/b`` and ``a/b/f``, three modulo equivalence.

A layer is one state for each of the three paths. It is legal where nothing stands below what is no
directory, and where a directory is implied exactly if it has no entry and something stands below it.
Each layer and path has metadata of its own, so that every source can be told from every other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import product
from math import prod
from typing import Final, Literal, NamedTuple

from dirmeta.generate.pools import NO_LIMITS
from dirmeta.generate.private import Private, dressed
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import MARK, OPAQUE
from dirmeta.model.stack import Case, Layer, Setup

State = Literal[
    "absent", "implied", "explicit", "marked", "opaque", "opaque+marked", "whiteout", "file", "symlink"
]

OUTER: Final = "a"
INNER: Final = "a/b"
LEAF: Final = "a/b/f"

_ENTRIES: Final[dict[State, tuple[Private, ...]]] = {
    "explicit": (),
    "marked": (Private(MARK),),
    "opaque": (Private(OPAQUE),),
    "opaque+marked": (Private(MARK), Private(OPAQUE)),
}
"""Directories with an entry → the xattrs they have by hand."""
_NOT_DIRECTORIES: Final[tuple[State, ...]] = ("absent", "whiteout", "file", "symlink")
_DIRECTORIES: Final[tuple[State, ...]] = ("implied", *_ENTRIES)


class States(NamedTuple):
    """What one layer has at each of the three paths."""

    outer: State
    inner: State
    leaf: State


@cache
def layer_states() -> tuple[States, ...]:
    """Every legal layer, the empty one first."""
    every = product((*_NOT_DIRECTORIES, *_DIRECTORIES), (*_NOT_DIRECTORIES, *_DIRECTORIES), _NOT_DIRECTORIES)
    return tuple(states for each in every if _is_legal(states := States(*each)))


def _is_legal(states: States) -> bool:
    outer, inner, leaf = states
    return _holds(inner, leaf != "absent") and _holds(outer, inner != "absent")


def _holds(directory: State, something: bool) -> bool:
    """Whether a path in that state can have something below it, or nothing."""
    if directory == "implied":
        return something
    return directory in _ENTRIES or not something


def representative(states: States, *, lowest: bool) -> States:
    """The layer that stands for all those which the same directories are merged under, from the same
    sources, and which hide or show the leaf alike.

    A symlink ends a look-up as a file does, and where a directory would be, so does a whiteout: no
    directory differs. An implied directory is a marked one with other metadata. In the lowest layer there
    is nothing to hide: a whiteout is no entry, an opaque directory a plain one.
    """
    outer, inner, leaf = (_ALIKE.get(state, state) for state in states)
    if lowest:
        outer, inner, leaf = (_LOWEST.get(state, state) for state in (outer, inner, leaf))
    else:
        outer, inner = (_HIDING.get(state, state) for state in (outer, inner))
    return States(outer, inner, leaf)


_ALIKE: Final[dict[State, State]] = {"symlink": "file", "implied": "marked"}
_LOWEST: Final[dict[State, State]] = {"whiteout": "absent", "opaque": "explicit", "opaque+marked": "marked"}
_HIDING: Final[dict[State, State]] = {"file": "whiteout"}


@cache
def representatives(*, lowest: bool) -> tuple[States, ...]:
    """One layer of each class, in the order of `layer_states`."""
    return tuple(dict.fromkeys(representative(states, lowest=lowest) for states in layer_states()))


class Stacks:
    """Stacks of layers in given states, as a sequence of cases, each made when it is asked for.

    products  each gives the states of every layer, lowest first; all stacks of the first come first, in the
              order of `itertools.product`
    """

    def __init__(self, limits: Limits, *products: Sequence[Sequence[States]]) -> None:
        self._limits = limits
        self._products = [(prod(map(len, layers)), layers) for layers in products]

    def __len__(self) -> int:
        return sum(size for size, _ in self._products)

    def __iter__(self) -> Iterator[Case]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> Case:
        for size, layers in self._products:
            if index < size:
                return case(_chosen(layers, index), self._limits)
            index -= size
        raise IndexError("there are not so many stacks")


def _chosen(layers: Sequence[Sequence[States]], index: int) -> list[States]:
    """One element of the product of all layers' states."""
    chosen = []
    for states in reversed(layers):
        index, position = divmod(index, len(states))
        chosen.append(states[position])
    return chosen[::-1]


def two_layers(limits: Limits = NO_LIMITS) -> Stacks:
    """Every stack of one layer or two."""
    states = layer_states()
    return Stacks(limits, (states,), (states, states))


def three_layers(limits: Limits = NO_LIMITS) -> Stacks:
    """Every stack of three layers, modulo `representative`."""
    upper = representatives(lowest=False)
    return Stacks(limits, (representatives(lowest=True), upper, upper))


class Counts(NamedTuple):
    """How many stacks there are, and how many three layers would give without reduction."""

    layers: int
    two: int
    three: int
    three_unreduced: int


def counts() -> Counts:
    """The number of cases each function gives."""
    layers, upper = len(layer_states()), len(representatives(lowest=False))
    three = len(representatives(lowest=True)) * upper**2
    return Counts(layers, layers + layers**2, three, layers**3)


def case(stack: Iterable[States], limits: Limits = NO_LIMITS) -> Case:
    """The case of a stack of states, lowest first, laid out from the model."""
    layers = tuple(_layer(number, states, limits) for number, states in enumerate(stack))
    return Case(layers, Setup(limits.namespaces[0], layout="model", backing=limits.backings[0]))


@lru_cache(maxsize=1024)
def _layer(number: int, states: States, limits: Limits) -> Layer:
    made = (_entry(number, place, state, limits) for place, state in zip(_PLACES, states, strict=True))
    return Layer(tuple(entry for entry in made if entry is not None))


_PLACES: Final = (OUTER, INNER, LEAF)
_MODES: Final = ((0o700, 0o1777, 0o644), (0o750, 0o2711, 0o600), (0o711, 0o770, 0o444))


def _entry(number: int, place: str, state: State, limits: Limits) -> Entry | None:
    depth = _PLACES.index(place)
    meta = (_MODES[number][depth], *_owner(number, depth, limits), (1000 * number + 100 * depth + 1) * 10**9)
    if state in _ENTRIES:
        entry = Entry(place + "/", "directory", *meta, xattrs=(("user.from", f"L{number + 1}".encode()),))
        return dressed(entry, _ENTRIES[state], limits.namespaces[0], limits)
    if state == "file":
        return Entry(place, "file", *meta, content=f"L{number + 1}".encode())
    if state == "symlink":
        return Entry(place, "symlink", 0o777, *meta[1:], target=f"L{number + 1}")
    if state == "whiteout":
        directory, _, name = place.rpartition("/")
        return Entry(f"{directory}/.wh.{name}".lstrip("/"), "whiteout")
    return None


def _owner(number: int, depth: int, limits: Limits) -> tuple[int, int]:
    """A uid and a gid; all different where the lab has that many."""
    wanted = 10 * number + 2 * depth + 1
    if limits.ids is None:
        return wanted, wanted + 1
    ids = limits.ids or (0,)
    return ids[wanted % len(ids)], ids[(wanted + 1) % len(ids)]
