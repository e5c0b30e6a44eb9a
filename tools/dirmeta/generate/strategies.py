"""Hypothesis strategies for well-formed layers, stacks and cases.

Each draws one byte string of fixed size, whole batches too, and decodes it: of two draws in one example
Hypothesis makes mutants in which one is copied over the other, and three of four cases would be repeats.
Drawing a byte costs as much as decoding it, and a case uses less than half of those it may: in a batch
some read the same bytes, each in a way of its own.
The shaped ones, many of them not well formed, are in `shaped`, `edges` and `hostile`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dirmeta.generate import private, roots, setups, wellformed
from dirmeta.generate.choices import WAYS, Choices
from dirmeta.generate.pools import NO_LIMITS, pools
from dirmeta.generate.trees import GROVE_SIZE, grove
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case, Layer, Setup, Stack

T = TypeVar("T")
Build = Callable[[Choices, Setup], Case]
Setting = Callable[[Choices], Setup]
Shape = Callable[[Limits], SearchStrategy[Case]]
"""A strategy of `shaped`, `edges` or `hostile`."""

Carried = Callable[[Limits], private.Forms]

BATCH: Final = 32
"""Cases in a batch; Hypothesis draws no more bytes for one example than these take."""
_STACK: Final = wellformed.STACK_SIZE
_ROOTS: Final = 5 + roots.ROOTS_SIZE
_REDIRECT: Final = 3
REDIRECTS: Final = 2
"""How many are tried in a stack: only on the way of one does another show what redirects do to each other."""


def drawn(size: int, build: Callable[[Choices], T]) -> SearchStrategy[T]:
    """What `build` makes of `size` drawn bytes."""
    return st.binary(min_size=size, max_size=size).map(lambda data: build(Choices(data)))


def layers(limits: Limits = NO_LIMITS) -> SearchStrategy[Layer]:
    """Well-formed layers."""
    pool = pools(limits)
    size = GROVE_SIZE + wellformed.ROOMS[0].size
    return drawn(size, lambda choices: wellformed.layer(choices, pool, grove(choices)))


def stacks(limits: Limits = NO_LIMITS, *, max_layers: int = 5, rooted: bool = False) -> SearchStrategy[Stack]:
    """Stacks of 1 to `max_layers` (at most 5) well-formed layers over the same few paths.

    rooted  whether layers also have entries for their root
    """
    return drawn(_size(rooted), _stack_builder(limits, max_layers, rooted))


def decode_stack(choices: Choices, limits: Limits = NO_LIMITS) -> Stack:
    """The stack that bytes stand for; `stacks` draws the bytes."""
    return wellformed.stack(choices, pools(limits))


def cases(
    limits: Limits = NO_LIMITS, *, max_layers: int = 5, rooted: bool = False, setup: Setup | None = None
) -> SearchStrategy[Case]:
    """Well-formed cases for an unpacker; `setup` fixes what is else drawn."""
    build = _case_builder(limits, max_layers, rooted)
    return _batched(_setting(setups.unpacked, limits, setup), 1, _size(rooted), build).map(_only)


def batches(
    limits: Limits = NO_LIMITS, *, count: int = BATCH, max_layers: int = 5, setup: Setup | None = None
) -> SearchStrategy[tuple[Case, ...]]:
    """`count` (at most `BATCH`) of `cases` with one setup between them; all can be packed."""
    build = _case_builder(limits, max_layers, False)
    return _batched(_setting(setups.unpacked, limits, setup), count, _size(False), build)


def model_cases(
    limits: Limits = NO_LIMITS,
    *,
    max_layers: int = 5,
    redirects: bool = False,
    rooted: bool = False,
    setup: Setup | None = None,
) -> SearchStrategy[Case]:
    """Well-formed cases whose directories also carry marks and opaque xattrs by hand.

    redirects   directories renamed from elsewhere, where the namespace is ``trusted``; the setup then has
                the option redirect_dir=follow
    rooted      layer roots with entries and marks of their own
    """
    build = _model_builder(limits, max_layers, redirects, rooted)
    return _batched(_setting(setups.from_the_model, limits, setup), 1, _model_size(rooted), build).map(_only)


def model_batches(
    limits: Limits = NO_LIMITS,
    *,
    count: int = BATCH,
    max_layers: int = 5,
    redirects: bool = False,
    setup: Setup | None = None,
    forms: Carried = private.forms,
) -> SearchStrategy[tuple[Case, ...]]:
    """`count` (at most `BATCH`) of `model_cases` with one setup between them; all can be packed.

    forms  what directories may carry in a lab with these limits
    """
    build = _model_builder(limits, max_layers, redirects, False, forms)
    return _batched(_setting(setups.from_the_model, limits, setup), count, _model_size(False), build)


def _only(batch: tuple[Case, ...]) -> Case:
    return batch[0]


def _setting(draw: Callable[[Choices, Limits], Setup], limits: Limits, setup: Setup | None) -> Setting:
    return (lambda choices: draw(choices, limits)) if setup is None else lambda choices: setup


def _batched(setting: Setting, count: int, size: int, build: Build) -> SearchStrategy[tuple[Case, ...]]:
    if not 1 <= count <= BATCH:
        raise ValueError(f"a batch has 1 to {BATCH} cases, not {count}")

    def decode(choices: Choices) -> tuple[Case, ...]:
        setup = setting(choices.part(setups.SETUP_SIZE))
        parts = [choices.part(size) for _ in range(shares)]
        return tuple(islice((build(way, setup) for part in parts for way in part.ways()), count))

    shares = -(-count // WAYS)
    return drawn(setups.SETUP_SIZE + shares * size, decode)


def _following(setup: Setup) -> Setup:
    """`setup` for a mount that follows redirects; an option for them that is set stays."""
    if any(name == "redirect_dir" for name, _ in setup.options):
        return setup
    return replace(setup, options=(*setup.options, ("redirect_dir", "follow")))


def _size(rooted: bool) -> int:
    return _STACK + _ROOTS * rooted


def _model_size(rooted: bool) -> int:
    return _size(rooted) + private.MARKS_SIZE + REDIRECTS * _REDIRECT


def _stack_builder(limits: Limits, max_layers: int, rooted: bool) -> Callable[[Choices], Stack]:
    pool = pools(limits)

    def build(choices: Choices) -> Stack:
        stack = wellformed.stack(choices.part(_STACK), pool, max_layers)
        return roots.rooted(choices.part(_ROOTS), stack, pool) if rooted else stack

    return build


def _case_builder(limits: Limits, max_layers: int, rooted: bool) -> Build:
    build_stack = _stack_builder(limits, max_layers, rooted)
    return lambda choices, setup: Case(setups.held(build_stack(choices), setup.tar), setup)


def _model_builder(
    limits: Limits, max_layers: int, redirects: bool, rooted: bool, forms: Carried = private.forms
) -> Build:
    pool = pools(limits)
    carried = forms(limits)

    def build(choices: Choices, setup: Setup) -> Case:
        namespace = setup.namespace
        stack = wellformed.stack(choices.part(_STACK), pool, max_layers)
        stack = private.marked(choices.part(private.MARKS_SIZE), stack, namespace, limits, carried)
        if redirects and namespace == "trusted":
            for _ in range(REDIRECTS):
                stack = private.redirected(choices.part(_REDIRECT), stack, namespace)
            setup = _following(setup)
        if rooted:
            stack = roots.rooted(choices.part(roots.ROOTS_SIZE), stack, pool)
            stack = roots.marked_roots(choices, stack, namespace, limits)
        return Case(stack, setup)

    return build
