"""What an experiment saw, in the form that checks judge.

Each is a plain record; a packed experiment's record splits into one for each of its cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from dirmeta.model.tree import Tree


class LayerSeen(NamedTuple):
    """One layer, unpacked: how the subject ended, and what stands in the diff directory.

    refused  its message where it gave up with an exit status or an error of its own; else ""
    trouble  crashed, hung, escaped … in words; else ""
    said     its complaints where it went on all the same; else ""
    """

    tree: Tree
    refused: str = ""
    trouble: str = ""
    said: str = ""

    @property
    def ok(self) -> bool:
        return not self.refused and not self.trouble


class StackSeen(NamedTuple):
    """A stack, unpacked or laid out, and mounted.

    layers  lowest first
    merged  what the mount shows; None where it was not mounted
    failed  why the mount could not be made or read; else ""
    noise   lines that overlayfs wrote to the kernel log; None where that can not be read
    """

    layers: tuple[LayerSeen, ...]
    merged: Tree | None = None
    failed: str = ""
    noise: tuple[str, ...] | None = None


MERGED: Final = "merged"
"""What the overlay mount shows."""
APPLIED: Final = "applied"
"""What stands in one directory that the layers were applied to, one over another."""


class Sights(NamedTuple):
    """Layers, each unpacked once, and several things that are made of them.

    views    label → tree
    failed   why a mount could not be made or read; else ""
    by       the engine that has applied the layers, where one has
    refused  why it gave up on them; else ""
    """

    layers: tuple[LayerSeen, ...]
    views: Mapping[str, Tree]
    failed: str = ""
    by: str = ""
    refused: str = ""

    @property
    def merged(self) -> Tree | None:
        return self.views.get(MERGED)


class Twice(NamedTuple):
    """The same layers unpacked in two ways that are to be compared."""

    first: tuple[LayerSeen, ...]
    second: tuple[LayerSeen, ...]


class Views(NamedTuple):
    """The same thing seen in several ways, each of which is to equal the first.

    views  label → tree; the first is what the others are held against
    """

    views: dict[str, Tree]
    failed: str = ""


class Pairs(NamedTuple):
    """Trees of which two at a time are to be alike.

    pairs  label → (as it has to be, as it is)
    """

    pairs: dict[str, tuple[Tree, Tree]]
    failed: str = ""


class Looks(NamedTuple):
    """Every directory's metadata, asked for in several ways.

    rows  path → way → (mode, uid, gid, mtime in ns)
    """

    rows: dict[str, dict[str, tuple[int, int, int, int]]]
    failed: str = ""


class Guarantees(NamedTuple):
    """What identity numbers hold to, on a stack with marks and on its twin without.

    marked, unmarked  path → names of the guarantees that hold there
    """

    marked: dict[str, frozenset[str]]
    unmarked: dict[str, frozenset[str]]
    failed: str = ""


class Switched(NamedTuple):
    """One stack mounted with the feature on and off; `refused` where an option was.

    shown  ``on`` and ``off`` → what the kernel then shows of the option, nothing where it shows none
    """

    diffs: tuple[Tree, ...]
    on: Tree
    off: Tree
    refused: str = ""
    shown: Mapping[str, str] = {}


class Behaviour(NamedTuple):
    """One stack, mounted with a fresh upper, changed, and mounted again.

    trees    moment → tree; a time is None where the clock has set it
    answers  path → call → the name of its errno, or "success"
    facts    path → what holds there of identity numbers and times
    """

    trees: dict[str, Tree]
    answers: dict[str, dict[str, str]]
    facts: dict[str, frozenset[str]]
    failed: str = ""


class Behaviours(NamedTuple):
    """The same stack in two ways that are to come to the same; names: what the two are called."""

    first: Behaviour
    second: Behaviour
    names: tuple[str, str]


class Kept(NamedTuple):
    """A mount with a fresh upper after something was changed through it.

    merged  the view; upper: the raw upper directory; asked: path → what getxattr of the mark said
    listed  path → the names that listxattr told, those included that have no value
    """

    merged: Tree
    upper: Tree
    asked: dict[str, int]
    listed: dict[str, tuple[str, ...]]
    failed: str = ""


class Stranger(NamedTuple):
    """What a mounter without access to the marks gets to see of a directory.

    number  errno of the look-up, 0 where it succeeded; mtime in ns
    """

    number: int
    mtime: int
    failed: str = ""
