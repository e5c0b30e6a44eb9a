"""Cases for rules that speak of a particular mount: very deep, with data-only layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dirmeta.generate import strategies
from dirmeta.generate.choices import Choices
from dirmeta.model import overlayfs
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case, Layer, Setup

DEPTHS: Final = (2, 128, 500)
"""Layers of a deep stack; 500 is as many as overlayfs takes (OVL_MAX_STACK)."""


def deep(limits: Limits) -> SearchStrategy[Case]:
    """Stacks of very many layers that all hold one directory, unmarked in few of them."""
    return strategies.drawn(6, lambda choices: _deep(choices, limits))


def _deep(choices: Choices, limits: Limits) -> Case:
    namespace = choices.pick(limits.namespaces)
    layers = choices.pick(DEPTHS)
    # Lowest first; where both are the same, all the others are marked.
    unmarked = {choices.index(layers), choices.index(layers)} if choices.chance(3, 4) else set()
    stack = tuple(_with_directory(number, number not in unmarked, namespace) for number in range(layers))
    return Case(stack, Setup(namespace, layout="model", backing=limits.backings[0]))


def _with_directory(number: int, marked: bool, namespace: Namespace) -> Layer:
    xattrs = ((overlayfs.mark_name(namespace), overlayfs.YES),) if marked else ()
    # Every layer's directory can be told from every other's by its time alone.
    return Layer(
        (Entry("d/", "directory", 0o700 + number % 64, mtime=number * 1_000_000_000, xattrs=xattrs),)
    )


def with_data_layers(limits: Limits) -> SearchStrategy[Case]:
    """Cases whose lowest layer is a data-only layer; metacopy, which those need, excludes userxattr."""
    trusted = limits._replace(namespaces=("trusted",))
    data = strategies.layers(trusted)
    return st.tuples(strategies.model_cases(trusted, max_layers=4), data).map(
        lambda drawn: _over_data(*drawn)
    )


def _over_data(case: Case, data: Layer) -> Case:
    setup = replace(case.setup, upper=False, options=(("metacopy", "on"), ("datadir", "")))
    return replace(case, stack=(data, *case.stack), setup=setup)


def without_whiteouts(limits: Limits, count: int) -> SearchStrategy[tuple[Case, ...]]:
    """Batches of well-formed cases that hide nothing: an overlay mount lets nobody make a whiteout in it."""
    return strategies.batches(limits, count=count).map(lambda batch: tuple(map(_without_whiteouts, batch)))


def _without_whiteouts(case: Case) -> Case:
    stack = (
        Layer(tuple(e for e in layer if e.kind != "whiteout" and not _is_disguised(e)))
        for layer in case.stack
    )
    return replace(case, stack=tuple(stack))


def _is_disguised(entry: Entry) -> bool:
    return entry.kind == "char" and entry.device == (0, 0)


def unreadable(limits: Limits) -> SearchStrategy[Case]:
    """A marked directory that only its owner may read, over an open one."""
    return strategies.drawn(2, lambda choices: _unreadable(choices, limits))


def _unreadable(choices: Choices, limits: Limits) -> Case:
    mark = ((overlayfs.mark_name("user"), overlayfs.YES),)
    owner = choices.pick(limits.ids or (7, 8, 1000))
    private = Entry("d/", "directory", choices.pick((0o700, 0o000, 0o711)), owner, owner, 2_000_000_000, mark)
    stack = (Layer((Entry("d/", "directory", mtime=1_000_000_000),)), Layer((private,)))
    return Case(stack, Setup("user", layout="model", backing=limits.backings[0]))
