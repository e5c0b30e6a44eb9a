"""Entries with less to say: what the reducer makes of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from dirmeta.model import acl, overlayfs
from dirmeta.model.entries import WHITEOUT_PREFIX, Entry
from dirmeta.model.spelling import default_mode
from dirmeta.model.stack import Layer, header

Change = Callable[[Entry], Entry]

_PLAIN_TARGET: Final = "x"


def metadata(entry: Entry) -> Entry:
    """Default mode, owner and time, no xattrs, no content."""
    bare = replace(entry, mode=default_mode(entry.kind), uid=0, gid=0, mtime=0, xattrs=(), content=b"")
    return replace(bare, target=_PLAIN_TARGET) if entry.kind == "symlink" else bare


def name(entry: Entry) -> Entry:
    """Canonical spelling of the name, and of a hardlink's target."""
    spelled = replace(entry, name=_canonical(entry))
    if entry.kind == "hardlink" and entry.target_path:
        return replace(spelled, target=entry.target_path)
    return spelled


def _canonical(entry: Entry) -> str:
    if entry.kind != "directory":
        return entry.place or entry.name
    return entry.place + "/" if entry.place else "./"


def lifted(entry: Entry, top: str) -> Entry:
    """`entry`, and what it links to, without the directory `top` that both are below."""
    up = replace(entry, name=_canonical(entry)[len(top) + 1 :])
    return replace(up, target=entry.target_path[len(top) + 1 :]) if entry.kind == "hardlink" else up


def renamed(entry: Entry, odd: str, to: str) -> Entry:
    """`entry` with the component `odd` called `to` in its name, and in the name it links to."""
    return replace(entry, name=_renamed(entry.name, odd, to), target=_renamed(entry.target, odd, to))


def _renamed(name: str, odd: str, to: str) -> str:
    called = {odd: to, WHITEOUT_PREFIX + odd: WHITEOUT_PREFIX + to}
    return "/".join(called.get(part, part) for part in name.split("/"))


def changes(entry: Entry) -> Iterator[Change]:
    """The single steps that make `entry` plainer, all of its metadata at once first."""
    yield metadata
    yield name
    yield lambda each: _with_mode(each, default_mode(each.kind))
    yield lambda each: replace(each, uid=0)
    yield lambda each: replace(each, gid=0)
    yield lambda each: replace(each, mtime=0)
    for key, _ in entry.xattrs:
        yield lambda each, key=key: _without(each, key)  # type: ignore[misc]
    if entry.kind == "file":
        yield lambda each: replace(each, content=b"")
    if entry.kind == "symlink":
        yield lambda each: replace(each, target=_PLAIN_TARGET)
    if entry.kind in ("symlink", "hardlink", "char", "block", "fifo"):
        yield _as_file
    if entry.kind in ("whiteout", "opaque") and entry.path:
        yield _as_directory


def _with_mode(entry: Entry, mode: int) -> Entry:
    access = entry.xattr(overlayfs.ACL_ACCESS)
    if access is None:
        return replace(entry, mode=mode)
    xattrs = {**dict(entry.xattrs), overlayfs.ACL_ACCESS: acl.with_mode(access, mode)}
    return replace(entry, mode=mode, xattrs=tuple(sorted(xattrs.items())))


def _without(entry: Entry, key: str) -> Entry:
    return replace(entry, xattrs=tuple(pair for pair in entry.xattrs if pair[0] != key))


def _as_file(entry: Entry) -> Entry:
    mode = default_mode("file") if entry.kind == "symlink" else entry.mode
    return replace(entry, kind="file", mode=mode, target="", device=(0, 0))


def _as_directory(entry: Entry) -> Entry:
    """A plain directory in the place of what hides one, and so replaces it too."""
    return Entry(entry.path + "/", "directory", default_mode("directory"))


def applied(layer: Layer, entry: Entry, change: Change) -> Layer:
    """The layer with one entry changed; where that changes its header, hardlinks that had the same one
    get the new one, and with a hardlink its target does."""
    changed = change(entry)
    group = _linked(layer, entry) if header(changed) != header(entry) else frozenset[int]()
    return Layer(tuple(
        changed if other is entry else _with_header(other, changed) if id(other) in group else other
        for other in layer
    ))  # fmt: skip


def _linked(layer: Layer, entry: Entry) -> frozenset[int]:
    """The identities of the entries that are names of one file with `entry`."""
    first = entry.target_path if entry.kind == "hardlink" else entry.place
    return frozenset(
        id(other) for other in layer
        if other.place == first or (other.kind == "hardlink" and other.target_path == first)
    ) if any(other.kind == "hardlink" for other in layer) else frozenset()  # fmt: skip


def _with_header(entry: Entry, model: Entry) -> Entry:
    return replace(
        entry, mode=model.mode, uid=model.uid, gid=model.gid, mtime=model.mtime, xattrs=model.xattrs
    )
