"""Placeholders that are not as an unpacker makes them: marked directories with metadata of their own."""

from __future__ import annotations

from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.generate.pools import DIRECTORY_MODES, HEADER_SIZE, NOTHING, Pools, header
from dirmeta.generate.private import Private, dressed
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import MARK, Namespace
from dirmeta.model.stack import Layer, Stack

_MOST: Final = 6
PLACEHOLDERS: Final = _MOST * (1 + HEADER_SIZE)
"""Bytes that `with_placeholders` reads."""


def with_placeholders(
    choices: Choices, stack: Stack, namespace: Namespace, limits: Limits, pool: Pools
) -> Stack:
    """The stack with entries for every third of the first `_MOST` directories that its topmost layer implies:
    modes, owners, times and xattrs or ACLs that a mount has to leave alone."""
    *rest, top = stack
    added = [
        dressed(_directory(part, path, pool), (Private(MARK),), namespace, limits)
        for path in sorted(top.implied)[:_MOST]
        if (part := choices.part(1 + HEADER_SIZE)).chance(1, 3)
    ]
    return (*rest, Layer((*added, *top)))


def _directory(choices: Choices, path: str, pool: Pools) -> Entry:
    notable = tuple(each for each in pool.directories if each is not NOTHING) or (NOTHING,)
    _, _, meta = header(choices, pool, path, DIRECTORY_MODES, notable)
    return Entry(f"{path}/", "directory", *meta)
