"""Stacks that have what programs are about: a base with directories of note, and a layer of files on top that
implies them."""

from __future__ import annotations

from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.generate.pools import Attributes, Pools, xattrs_for
from dirmeta.generate.private import Private, dressed
from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import MARK, Namespace
from dirmeta.model.stack import Layer, Stack

FOUNDED: Final = 54
"""Bytes that `founded` reads."""
_MODES: Final = (
    0o755, 0o700, 0o1777, 0o2775, 0o750, 0o3777, 0o2777, 0o711, 0o1777, 0o770, 0o1777, 0o2770, 0o000, 0o3777,
)  # fmt: skip
_MODES_WITH_ACL: Final = (0o750, 0o770, 0o2770, 0o1770)
"""Which leave it to an ACL who of the others may do what."""
_LARGE: Final = ("user.large", b"large" * 180)
"""What does not fit where little else is free."""
_MOST: Final = 5
_USUAL: Final = ("usr", "tmp", "usr/bin")


def founded(choices: Choices, stack: Stack, pool: Pools) -> Stack:
    """The stack between two layers more: up to `_MOST` of its directories, explicit in the lowest one, and
    implied by files in the topmost. Two times of three there is one more, in one of those, which the topmost
    layer empties and so implies: it shows the metadata of the lowest, and can be removed."""
    places = _directories(stack)
    chosen = dict.fromkeys(choices.pick(places) for _ in range(_MOST))
    base = [_directory(choices, path, pool) for path in sorted(chosen)]
    files = [_file(choices, path, pool) for path in chosen]
    emptied = paths.join(choices.pick(list(chosen)), "emptied")
    if choices.chance(2, 3):
        base += [_directory(choices, emptied, pool), Entry(f"{emptied}/gone", "file", 0o644)]
        files.append(Entry(f"{emptied}/.wh.gone", "whiteout"))
    return (Layer(tuple(base)), *stack, Layer(tuple(files)))


ROOTED: Final = 9
"""Bytes that `rooted` reads."""


def rooted(choices: Choices, stack: Stack, namespace: Namespace, limits: Limits, pool: Pools) -> Stack:
    """Two times of three, the stack with a root of note in its lowest layer, and one that is marked on top:
    where that is the upper directory, the mount's root shows another's metadata."""
    base, *rest, top = stack
    lower = _directory(choices, ".", pool)
    uid, gid = choices.pick(pool.owners)
    marked = Entry("./", "directory", choices.pick(_MODES), uid, gid)
    if not choices.chance(2, 3):
        return stack
    marked = dressed(marked, (Private(MARK),), namespace, limits)
    return (Layer((lower, *base)), *rest, Layer((marked, *top)))


def _directories(stack: Stack) -> list[str]:
    """Those that the stack has or implies; the usual ones where there are none."""
    found: set[str] = set()
    for layer in stack:
        found.update(layer.explicit, layer.implied)
    found.discard(paths.ROOT)
    return sorted(found) or list(_USUAL)


def _file(choices: Choices, directory: str, pool: Pools) -> Entry:
    return Entry(paths.join(directory, "added"), "file", 0o644, *choices.pick(pool.owners))


def _directory(choices: Choices, path: str, pool: Pools) -> Entry:
    uid, gid = choices.pick(pool.owners)
    notable = [each for each in pool.directories if each.access or each.default] or [Attributes()]
    attributes = choices.pick(notable) if choices.chance(1, 2) else choices.pick(pool.directories)
    modes = _MODES_WITH_ACL if attributes.access and choices.chance(2, 3) else _MODES
    mode = choices.pick(modes)
    xattrs = xattrs_for(attributes, mode)
    if choices.chance(1, 4):
        xattrs = tuple(sorted((*xattrs, _LARGE)))
    return Entry(f"{path}/", "directory", mode, uid, gid, choices.pick(pool.times), xattrs)
