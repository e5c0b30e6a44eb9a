"""How a drawn case is unpacked and mounted."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Layer, Setup, Stack, TarFormat

SETUP_SIZE: Final = 3
"""Bytes that decide a setup."""
_UMASKS: Final = (0o022, 0o077, 0o000, 0o027)
_FORMATS: Final[tuple[TarFormat, ...]] = ("pax", "pax", "gnu", "pax", "pax", "ustar", "pax", "pax")
_SECOND: Final = 1_000_000_000
_LATEST: Final = 8**11 - 1
"""Seconds that the octal digits of a header can say."""


def unpacked(choices: Choices, limits: Limits) -> Setup:
    """Layers go through an unpacker; namespace, umask and format vary. Reads `SETUP_SIZE` bytes."""
    namespace = choices.pick(limits.namespaces)
    umask, tar = choices.pick(_UMASKS), choices.pick(_FORMATS)
    return Setup(namespace, umask=umask, backing=limits.backings[0], tar=tar)


def held(stack: Stack, tar: TarFormat) -> Stack:
    """`stack` with no more metadata than the format can hold; what has too long a name stays as it is."""
    if tar == "pax":
        return stack
    return tuple(Layer(tuple(map(_plain, layer))) for layer in stack)


def _plain(entry: Entry) -> Entry:
    seconds = min(max(entry.mtime // _SECOND, 0), _LATEST)
    return replace(entry, xattrs=(), mtime=seconds * _SECOND)


def from_the_model(choices: Choices, limits: Limits) -> Setup:
    """Diff directories are laid out as the model says; namespace and upper vary. Reads `SETUP_SIZE` bytes."""
    namespace = choices.pick(limits.namespaces)
    return Setup(namespace, layout="model", upper=choices.chance(1, 3), backing=limits.backings[0])
