"""Overlay-private xattrs put on entries by hand, for diff directories laid out from the model."""

from __future__ import annotations

from typing import Final, NamedTuple

from dirmeta.generate.choices import Choices
from dirmeta.generate.trees import whiteout_of
from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import (
    ESCAPED_MARK,
    MARK,
    OPAQUE,
    OTHER,
    PREFIX,
    XWHITEOUT,
    XWHITEOUTS,
    YES,
    Namespace,
)
from dirmeta.model.stack import Layer, Stack

MARKS_SIZE: Final = 22
"""Bytes that decide the marks of a stack; the upper layers are decided first."""


class Private(NamedTuple):
    """One overlay-private xattr: in the mount's own namespace, or in the other one."""

    name: str
    value: bytes = YES
    own: bool = True


_MARK: Final = (Private(MARK),)
Forms = tuple[tuple[Private, ...], ...]

FORMS_WITHOUT_XWHITEOUTS: Final[Forms] = (
    *((),) * 5, *(_MARK,) * 7,
    (Private(MARK, own=False),),
    (Private(MARK), Private(MARK, own=False)),
    (Private(OPAQUE),),
    *((Private(MARK), Private(OPAQUE)),) * 2,
    (Private(MARK, b""),), (Private(MARK, b"n"),), (Private(MARK, b"yy"),),
)  # fmt: skip
FORMS: Final[Forms] = (*FORMS_WITHOUT_XWHITEOUTS, (Private(MARK), Private(OPAQUE, XWHITEOUTS)))
"""What a directory may carry."""
FORMS_TO_SHOW: Final[Forms] = (
    (), (), _MARK, _MARK, _MARK,
    (Private(MARK, own=False),),
    (Private(MARK), Private(MARK, own=False)),
    (Private(MARK), Private(OPAQUE)),
)  # fmt: skip
ESCAPED_FORMS: Final[Forms] = (
    *FORMS_TO_SHOW,
    (Private(ESCAPED_MARK),),
    *((Private(MARK), Private(ESCAPED_MARK)),) * 2,
)
"""Much of what a mount shows under the mark's name, to another mount on top of it."""


def forms(limits: Limits) -> Forms:
    """All that a directory may carry here."""
    return FORMS if limits.xwhiteouts else FORMS_WITHOUT_XWHITEOUTS


def forms_to_show(limits: Limits) -> Forms:
    """What a directory may carry that its mount shows as a mark of some kind."""
    return ESCAPED_FORMS if limits.escapes else FORMS_TO_SHOW


def marked(
    choices: Choices, stack: Stack, namespace: Namespace, limits: Limits, forms: Forms = FORMS
) -> Stack:
    """`stack` with marks and opaque xattrs on explicit directories, and some marks on other things."""
    layers: list[Layer] = []
    for number in reversed(range(len(stack))):
        # The lowest layer is marked half as often, or too few marks would have something below them.
        drawn = forms if number else (*((),) * len(forms), *forms)
        directories = _marked_directories(choices, stack[number], namespace, limits, drawn)
        layers.append(_misplaced_mark(choices, directories, namespace, limits))
    layers.reverse()
    return tuple(_with_xwhiteouts(layer, layers[:n], namespace) for n, layer in enumerate(layers))


def _marked_directories(
    choices: Choices, layer: Layer, namespace: Namespace, limits: Limits, forms: Forms
) -> Layer:
    entries = list(layer.entries)
    for position, entry in enumerate(layer.entries):
        if entry.kind == "directory" and entry.place and (form := choices.pick(forms)):
            entries[position] = dressed(entry, form, namespace, limits)
    return Layer(tuple(entries))


def dressed(entry: Entry, form: tuple[Private, ...], namespace: Namespace, limits: Limits) -> Entry:
    """`entry` with these private xattrs, but for those that it, or the lab, can not have."""
    added = dict(entry.xattrs)
    for private in form:
        space = namespace if private.own else OTHER[namespace]
        if space == "trusted" and not limits.trusted:
            continue
        if space == "trusted" or entry.kind in ("directory", "file"):
            added[PREFIX[space] + private.name] = private.value
    return entry.copied(xattrs=tuple(sorted(added.items())))


def _misplaced_mark(choices: Choices, layer: Layer, namespace: Namespace, limits: Limits) -> Layer:
    """In a third of the layers, a mark on something that is no directory. Reads one byte."""
    byte = choices.index(256)
    if byte < 170:
        return layer
    others = [entry for entry in layer.others.values() if entry.kind != "hardlink"]
    if not others:
        return layer
    chosen = others[byte % len(others)]
    form = (Private(MARK), Private(MARK, own=False))[: 1 + byte % 2]
    bare = dressed(chosen, form, namespace, limits)
    return Layer(tuple(_with_header_of(bare, chosen, entry) for entry in layer))


def _with_header_of(changed: Entry, before: Entry, entry: Entry) -> Entry:
    """`entry`, changed where it is the changed one or a hardlink to it."""
    if entry is before:
        return changed
    if entry.kind == "hardlink" and entry.target_path == before.place:
        return entry.copied(xattrs=changed.xattrs)
    return entry


def _with_xwhiteouts(layer: Layer, lower: list[Layer], namespace: Namespace) -> Layer:
    """Each directory that says it has whiteouts stored as files gets one, over a name of a lower layer."""
    name = PREFIX[namespace] + OPAQUE
    saying = [entry for entry in layer if entry.xattrs and entry.xattr(name) == XWHITEOUTS]
    if not saying:
        return layer
    hidden = {entry.path for below in lower for entry in below}
    added = []
    for entry in saying:
        names = sorted(path for path in hidden if path and paths.parent(path) == entry.place)
        place = names[0] if names else paths.join(entry.place, "f")
        if is_vacant(layer, place):
            xattrs = ((PREFIX[namespace] + XWHITEOUT, YES),)
            added.append(Entry(place, "file", xattrs=xattrs))
    return Layer((*layer, *added))


def is_vacant(layer: Layer, place: str) -> bool:
    """Whether an entry at `place`, which is no directory, leaves the layer well formed."""
    if place in layer.implied or any(entry.place == place for entry in layer):
        return False
    return layer.others.keys().isdisjoint(paths.ancestors(place))


def redirected(choices: Choices, stack: Stack, namespace: Namespace) -> Stack:
    """`stack` with, where there is room for it, one directory renamed from elsewhere: a redirect to a
    directory of a lower layer, relative where both have one parent, and a whiteout where that was.

    Reads three bytes.
    """
    which, where, spelling = choices.index(256), choices.index(256), choices.chance(1, 2)
    pairs = [
        (number, entry, target)
        for number in range(1, len(stack))
        for entry in stack[number].explicit.values()
        for target in _renamable(stack, number, entry.place)
    ]
    if not pairs:
        return stack
    number, entry, target = pairs[(which << 8 | where) % len(pairs)]
    relative = paths.parent(target) == paths.parent(entry.place) and not spelling
    value = paths.basename(target) if relative else "/" + target
    return tuple(
        _renamed(layer, entry, target, value, namespace) if n == number else layer
        for n, layer in enumerate(stack)
    )


def _renamable(stack: Stack, number: int, path: str) -> list[str]:
    """Directories of the layers under `number` that one at `path` could have been renamed from."""
    if not path or path in stack[number].opaques or path in stack[number].whiteouts:
        return []
    lower = {found for layer in stack[:number] for found in (*layer.explicit, *layer.implied) if found}
    return sorted(
        found for found in lower
        if found != path and not paths.below(path, found) and not paths.below(found, path)
    )  # fmt: skip


def _renamed(layer: Layer, entry: Entry, target: str, value: str, namespace: Namespace) -> Layer:
    encoded = value.encode("utf-8", "surrogateescape")
    xattrs = {**dict(entry.xattrs), PREFIX[namespace] + overlayfs.REDIRECT: encoded}
    xattrs.pop(PREFIX[namespace] + OPAQUE, None)
    entries = [other.with_xattrs(xattrs) if other is entry else other for other in layer]
    hidden = whiteout_of(target)
    gone = target in layer.explicit or target in layer.implied or target in layer.others
    if hidden and not gone and is_vacant(layer, hidden):
        entries.append(Entry(hidden, "whiteout"))
    return Layer(tuple(entries))
