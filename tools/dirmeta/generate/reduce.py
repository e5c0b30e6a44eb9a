"""A failing case made minimal: layers go, then entries, then fields return to their defaults.

`candidates` gives what is simpler than a case by one step, the largest steps first, so that a caller may
try many of them in one mount; `reduce` tries them one after another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from string import ascii_lowercase
from typing import Final, TypeVar

from dirmeta.generate import plain
from dirmeta.generate.plainer_program import at_a_new_place, plainer_operations, without_renames
from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.model.stack import Case, Layer, Setup

T = TypeVar("T")
_SHORT: Final = 12
"""Characters of a name that is not worth another."""

Stage = Callable[[Case], Iterator[Case]]


def reduce(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The simplest case found that still `fails`, as `case` does.

    Nothing more can be taken from it: every candidate of the result was tried and passes. A case that is
    well formed stays so. `fails` is asked about no case twice, and depends on nothing else.
    """
    passed: set[Case] = set()

    def is_better(candidate: Case) -> bool:
        if candidate in passed:
            return False
        if fails(candidate):
            return True
        passed.add(candidate)
        return False

    while True:
        before = case
        for stage in STAGES:
            case = _exhausted(stage, case, is_better)
        if case == before:
            return case


def candidates(case: Case) -> Iterator[Case]:
    """Every case that is simpler than `case` by one step of any stage, without repeats."""
    seen = {case}
    for candidate in chain.from_iterable(stage(case) for stage in STAGES):
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def _exhausted(stage: Stage, case: Case, is_better: Callable[[Case], bool]) -> Case:
    """`case` after a stage's steps were taken as long as one helps.

    Goes on from the step that helped, and ends after a whole round in which none did: what was tried in
    vain at the front of a large case is not tried again each time something at its end can go.
    """
    start = 0
    while True:
        for position, simpler in enumerate(stage(case)):
            if position >= start and _is_valid(simpler, case) and is_better(simpler):
                case, start = simpler, position
                break
        else:
            if not start:
                return case
            start = 0


def _is_valid(simpler: Case, case: Case) -> bool:
    """Whether it differs, and is well formed where `case` is."""
    return simpler != case and (bool(case.malformed) or not simpler.malformed)


def without_layers(case: Case) -> Iterator[Case]:
    """Fewer layers."""
    for stack in _with_fewer(case.stack):
        yield replace(case, stack=stack)


def joined_layers(case: Case) -> Iterator[Case]:
    """One layer for two that lie on each other."""
    stack = case.stack
    for number in range(len(stack) - 1):
        both = Layer((*stack[number], *stack[number + 1]))
        yield replace(case, stack=(*stack[:number], both, *stack[number + 2 :]))


def without_operations(case: Case) -> Iterator[Case]:
    """A shorter program."""
    for program in _with_fewer(case.program):
        yield replace(case, program=program)


def without_entries(case: Case) -> Iterator[Case]:
    """Fewer entries, hardlinks going with their targets."""
    every = [(number, position) for number, layer in enumerate(case.stack) for position in range(len(layer))]
    for rest in _with_fewer(every):
        yield _with_only(case, set(rest))


def without_places(case: Case) -> Iterator[Case]:
    """Fewer places that several layers have entries at, gone from all: for what compares its layers."""
    several = _several(entry.place for layer in case.stack for entry in layer)
    for rest in _with_fewer(several):
        gone = set(several).difference(rest)
        kept = {
            (number, position)
            for number, layer in enumerate(case.stack)
            for position, entry in enumerate(layer)
            if entry.place not in gone
        }
        yield _with_only(case, kept)


def _several(items: Iterable[T]) -> list[T]:
    """Those that come more than once, in their order."""
    return [item for item, times in Counter(items).items() if times > 1]


def _with_only(case: Case, kept: set[tuple[int, int]]) -> Case:
    """The case with those of its entries, by layer and position."""
    return replace(case, stack=tuple(_only(layer, number, kept) for number, layer in enumerate(case.stack)))


def _only(layer: Layer, number: int, kept: set[tuple[int, int]]) -> Layer:
    """What is kept of layer `number` by position, less hardlinks to what is not."""
    gone = {entry.place for position, entry in enumerate(layer) if (number, position) not in kept}
    left = (entry for position, entry in enumerate(layer) if (number, position) in kept)
    return Layer(tuple(e for e in left if e.kind != "hardlink" or e.target_path not in gone))


def _with_fewer(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """`items` without its halves, then without its quarters, and so on down to single ones."""
    size = (len(items) + 1) // 2
    while size:
        for start in range(0, len(items), size):
            yield (*items[:start], *items[start + size :])
        size = size // 2 if size > 1 else 0


def plainer_everywhere(case: Case) -> Iterator[Case]:
    """All entries with default metadata and canonical names at once, then each of the two."""
    for change in (_all_plain, plain.metadata, plain.name):
        yield replace(case, stack=tuple(_mapped(layer, change) for layer in case.stack))


def _all_plain(entry: Entry) -> Entry:
    return plain.name(plain.metadata(entry))


def _mapped(layer: Layer, change: Callable[[Entry], Entry]) -> Layer:
    return Layer(tuple(change(entry) for entry in layer))


def plainer_entries(case: Case) -> Iterator[Case]:
    """One entry, and the hardlinks that share its header, with less to say."""
    for number, layer in enumerate(case.stack):
        for entry in layer:
            for change in plain.changes(entry):
                yield _with_layer(case, number, plain.applied(layer, entry, change))


def plainer_in_all(case: Case) -> Iterator[Case]:
    """One entry that stands alike in several layers, with less to say in all of them."""
    for entry in _several(entry for layer in case.stack for entry in layer):
        for change in plain.changes(entry):
            yield replace(case, stack=tuple(_with_changed(layer, entry, change) for layer in case.stack))


def _with_changed(layer: Layer, entry: Entry, change: plain.Change) -> Layer:
    mine = next((each for each in layer if each == entry), None)
    return layer if mine is None else plain.applied(layer, mine, change)


def in_plain_order(case: Case) -> Iterator[Case]:
    """Each layer in the order of its names."""
    for number, layer in enumerate(case.stack):
        ordered = sorted(layer, key=lambda entry: (entry.kind == "hardlink", entry.place))
        yield _with_layer(case, number, Layer(tuple(ordered)))


def _with_layer(case: Case, number: int, layer: Layer) -> Case:
    return replace(case, stack=(*case.stack[:number], layer, *case.stack[number + 1 :]))


def lifted(case: Case) -> Iterator[Case]:
    """All that stands in one top-level directory, without that directory."""
    tops = {place.partition("/")[0] for layer in case.stack for entry in layer for place in _places(entry)}
    if len(tops) == 1:
        top = tops.pop()
        if all(paths.below(entry.path, top) for layer in case.stack for entry in layer):
            change = partial(plain.lifted, top=top)
            yield replace(case, stack=tuple(_mapped(layer, change) for layer in case.stack))


def _places(entry: Entry) -> tuple[str, ...]:
    return (entry.place, entry.target_path) if entry.kind == "hardlink" else (entry.place,)


def plainer_names(case: Case) -> Iterator[Case]:
    """A letter for one component that is long or odd, wherever it stands."""
    parts = {part for layer in case.stack for entry in layer for part in entry.path.split("/")}
    letter = next((letter for letter in ascii_lowercase if letter not in parts), f"n{len(parts)}")
    for odd in sorted(filter(_is_odd, parts)):
        change = partial(plain.renamed, odd=odd, to=letter)
        yield replace(case, stack=tuple(_mapped(layer, change) for layer in case.stack))


def _is_odd(component: str) -> bool:
    return len(component) > _SHORT or not (component.isascii() and component.isprintable())


def plainer_setup(case: Case) -> Iterator[Case]:
    """Defaults for what the setup says of options, upper, backing, umask and tar format. Namespace, layout
    and the unpacker's switch stay: they are what a family is about, or what its lab can do."""
    setup, default = case.setup, Setup()
    for options in _with_fewer(setup.options):
        yield replace(case, setup=replace(setup, options=options))
    yield replace(case, setup=replace(setup, upper=default.upper))
    yield replace(case, setup=replace(setup, backing=default.backing))
    yield replace(case, setup=replace(setup, nested=default.nested))
    yield replace(case, setup=replace(setup, umask=default.umask))
    yield replace(case, setup=replace(setup, tar=default.tar))


STAGES: Final[tuple[Stage, ...]] = (
    without_layers, joined_layers, without_operations, without_renames, at_a_new_place, without_entries,
    without_places, plainer_everywhere, plainer_entries, plainer_in_all, lifted, plainer_names, plainer_setup,
    in_plain_order, plainer_operations,
)  # fmt: skip
