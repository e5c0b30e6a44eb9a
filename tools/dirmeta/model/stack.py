"""Layers, stacks and cases: everything the suite checks, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.model.overlayfs import Namespace

TarFormat = Literal["pax", "gnu", "ustar"]
Layout = Literal["unpacked", "model"]


@dataclass(frozen=True)
class Layer:
    """An OCI changeset: entries in the order of their stream."""

    entries: tuple[Entry, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def explicit(self) -> dict[str, Entry]:
        """Path → its directory entry. The last one counts where there are several."""
        return {entry.path: entry for entry in self.entries if entry.kind == "directory"}

    @cached_property
    def others(self) -> dict[str, Entry]:
        """Path → its entry, of all but directories, whiteouts and opaque markers."""
        skip = ("directory", "whiteout", "opaque")
        return {entry.path: entry for entry in self.entries if entry.kind not in skip}

    @cached_property
    def whiteouts(self) -> frozenset[str]:
        return frozenset(entry.path for entry in self.entries if entry.kind == "whiteout")

    @cached_property
    def opaques(self) -> frozenset[str]:
        return frozenset(entry.path for entry in self.entries if entry.kind == "opaque")

    @cached_property
    def implied(self) -> frozenset[str]:
        """Directories with something below them and no entry of their own; never the root."""
        above = {up for entry in self.entries for up in paths.ancestors(entry.place)}
        return frozenset(above - self.explicit.keys())

    @cached_property
    def malformed(self) -> str:
        """Why this layer is not well formed (SPEC.md, Terms), or nothing."""
        seen: dict[str, Entry] = {}
        above: set[str] = set()
        for entry in self.entries:
            place = entry.place
            if ".." in place and ".." in place.split("/"):
                return f"{entry.name} has a .. component"
            if place == paths.ROOT and entry.kind != "directory":
                return f"{entry.name} names the root and is no directory"
            if place in seen:
                return f"{place or '.'} has two entries"
            if paths.has_long_name(place):
                return f"{entry.name} has a component over {paths.NAME_MAX} bytes"
            if entry.kind == "hardlink" and (why := _misplaced(entry, seen)):
                return why
            seen[place] = entry
            above.update(paths.ancestors(place))
        solid = {place for place in above if place in seen and seen[place].kind != "directory"}
        for entry in self.entries if solid else ():
            for up in paths.ancestors(entry.place):
                if up in solid:
                    return f"{entry.name} lies below {up}, which is no directory"
        return ""


def _misplaced(link: Entry, before: dict[str, Entry]) -> str:
    target = before.get(link.target_path)
    if target is None or target.kind in ("directory", "whiteout", "opaque"):
        return f"{link.name} links to {link.target}, which no entry before it provides"
    if header(target) != header(link):
        return f"{link.name} has not the header metadata of {link.target}"
    return ""


def header(entry: Entry) -> tuple[object, ...]:
    """The metadata a tar header carries for an entry, and its xattrs."""
    return (entry.mode, entry.uid, entry.gid, entry.mtime, entry.xattrs)


Stack = tuple[Layer, ...]
"""Layers, lowest (L1) first."""


@dataclass(frozen=True)
class Setup:
    """How a stack is unpacked and mounted.

    namespace  whose xattrs the mount reads: ``user`` means the option userxattr
    delegate   whether the unpacker has the feature switched on
    layout     who makes the diff directories: an unpacker from tar streams, or the suite itself
               straight from the model, overlay-private xattrs of entries taken at their word
    upper      mount with a fresh upper directory, else read-only from lowers alone
    reused     with the topmost layer as the upper directory instead of a fresh one
    nested     with all lower layers but the topmost mounted as an overlay of their own, which is then a layer
    raced      with the operations done at once by three processes, each of which has every third
    room       inodes that can be added to the upper before its file system is full; 0 for enough
    options    further mount options, as (name, value); value "" for a flag
    """

    namespace: Namespace = "trusted"
    delegate: bool = True
    layout: Layout = "unpacked"
    upper: bool = False
    options: tuple[tuple[str, str], ...] = ()
    backing: str = "tmpfs"
    umask: int = 0o022
    tar: TarFormat = "pax"
    reused: bool = False
    room: int = 0
    nested: bool = False
    raced: bool = False


@dataclass(frozen=True)
class Credentials:
    """Who does an operation; `drop` names the capabilities given up."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One step of a program: a name, its arguments by keyword, and who does it."""

    op: str
    args: tuple[tuple[str, str | int], ...] = ()
    by: Credentials = field(default_factory=Credentials)


@dataclass(frozen=True)
class Case:
    """The unit of the suite: what is stacked, how it is set up, and what is done to it."""

    stack: Stack = ()
    setup: Setup = field(default_factory=Setup)
    program: tuple[Operation, ...] = ()

    @cached_property
    def malformed(self) -> str:
        """Why some layer is not well formed, or nothing."""
        return next((layer.malformed for layer in self.stack if layer.malformed), "")
