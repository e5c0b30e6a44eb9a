"""Entries about the layer root."""

from __future__ import annotations

from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.generate.pools import DIRECTORY_MODES, HEADER_SIZE, Pools, header
from dirmeta.generate.private import Private, dressed
from dirmeta.model.entries import OPAQUE_MARKER, Entry
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import MARK, OPAQUE, Namespace
from dirmeta.model.stack import Layer, Stack

_SIZE: Final = HEADER_SIZE + 3
ROOTS_SIZE: Final = 5 * _SIZE
"""Bytes that decide the roots of a stack."""
_NAMES: Final = ("./", ".", "./", "/")


def rooted(choices: Choices, stack: Stack, pool: Pools) -> Stack:
    """`stack` with an entry for the root in most of its layers, and rarely an opaque marker there."""
    return tuple(_rooted(choices.part(_SIZE), layer, pool) for layer in stack)


def _rooted(choices: Choices, layer: Layer, pool: Pools) -> Layer:
    entries = list(layer)
    name = choices.pick(_NAMES)
    _, _, meta = header(choices, pool, name, DIRECTORY_MODES, pool.directories)
    position = choices.index(len(entries) + 1)
    what = choices.index(8)
    if what < 6:
        entries.insert(position, Entry(name, "directory", *meta))
    if what in (5, 6):
        entries.append(Entry(OPAQUE_MARKER, "opaque"))
    return Layer(tuple(entries))


def marked_roots(choices: Choices, stack: Stack, namespace: Namespace, limits: Limits) -> Stack:
    """`stack` with marks on about half of its root entries, rarely an opaque xattr. Reads a byte a layer."""
    return tuple(_marked(choices, layer, namespace, limits) for layer in stack)


_FORMS: Final[tuple[tuple[Private, ...], ...]] = (
    (), (Private(MARK),), (), (Private(MARK),), (Private(MARK),), (Private(OPAQUE),),
    (Private(MARK), Private(OPAQUE)), (Private(MARK, own=False),), (Private(MARK, b"n"),),
)  # fmt: skip


def _marked(choices: Choices, layer: Layer, namespace: Namespace, limits: Limits) -> Layer:
    form = choices.pick(_FORMS)
    return Layer(tuple(entry if entry.place else _dressed(entry, form, namespace, limits) for entry in layer))


def _dressed(entry: Entry, form: tuple[Private, ...], namespace: Namespace, limits: Limits) -> Entry:
    return dressed(entry, form, namespace, limits) if form else entry
