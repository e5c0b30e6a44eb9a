"""Stacks that PARITY rules are about, each made of one that was drawn, which alone decides it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final
from zlib import crc32

from dirmeta.generate.pools import DIRECTORY_MODES, SECOND, pools
from dirmeta.model import paths
from dirmeta.model.entries import OPAQUE_MARKER, Entry
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case, Layer, Stack

TIMES: Final = (0, ((1 << 31) - 1) * SECOND)
"""The mtimes that every tool keeps, in ns."""
_ODD: Final = ("char", "block", "fifo")


def plainer(stack: Stack) -> Stack:
    """The same directories, for who may keep no xattrs and make no devices: those stand there as files."""
    return tuple(Layer(tuple(map(_plainer, layer))) for layer in stack)


def _plainer(entry: Entry) -> Entry:
    if entry.kind in _ODD:
        return replace(entry, kind="file", device=(0, 0), xattrs=())
    return replace(entry, xattrs=()) if entry.xattrs else entry


def agreeing(case: Case) -> Case:
    """Without what is no directory where another layer has one."""
    directories = {path for layer in case.stack for path in (*layer.explicit, *layer.implied)}
    return replace(case, stack=tuple(_without(layer, directories) for layer in case.stack))


def _without(layer: Layer, places: Iterable[str]) -> Layer:
    """The layer without its objects at these places, and without links to them."""
    gone = layer.others.keys() & set(places)
    kept: list[Entry] = []
    for entry in layer:
        if entry.kind == "hardlink" and entry.target_path in gone:
            gone.add(entry.path)
        if entry.kind == "directory" or entry.path not in gone or entry.kind in ("whiteout", "opaque"):
            kept.append(entry)
    return Layer(tuple(kept))


def unreplaced(case: Case) -> Case:
    """Without whiteouts and opaque markers of what the same layer has, which some tools get wrong."""
    return replace(case, stack=tuple(map(_unreplaced, case.stack)))


def _unreplaced(layer: Layer) -> Layer:
    own = {*layer.explicit, *layer.implied, *layer.others}
    return Layer(tuple(entry for entry in layer if entry.kind != "whiteout" or entry.path not in own))


def over_a_base(case: Case, limits: Limits) -> Case:
    """A base that has all the directories, with mtime 0 everywhere, below layers of files only."""
    files = tuple(_files(layer) for layer in agreeing(case).stack)
    return replace(case, stack=(_base(files, limits, "base", mtime=0), *files))


def over_two_bases(case: Case, limits: Limits) -> Case:
    """Two bases that have the same directories with different metadata, and a layer of files only."""
    files = _files(Layer(tuple(_first(entry for layer in agreeing(case).stack for entry in layer))))
    bases = (_base((files,), limits, name) for name in ("one", "other"))
    return replace(case, stack=(*bases, files))


def _first(entries: Iterable[Entry]) -> Iterable[Entry]:
    """The first entry of each place."""
    return {entry.place: entry for entry in reversed([*entries])}.values()


def _files(layer: Layer) -> Layer:
    """What is no directory and no marker; of links, files."""
    return Layer(tuple(
        replace(entry, kind="file", target="") if entry.kind == "hardlink" else entry
        for entry in layer
        if entry.place in layer.others
    ))  # fmt: skip


def _base(layers: Sequence[Layer], limits: Limits, name: str, *, mtime: int | None = None) -> Layer:
    """Entries for all directories that layers imply; what they say, their paths and `name` alone decide."""
    implied = sorted({path for layer in layers for path in layer.implied})
    return Layer(tuple(_directory(path, limits, name, mtime) for path in implied))


def _directory(path: str, limits: Limits, name: str, mtime: int | None) -> Entry:
    pool = pools(limits)
    number = crc32(f"{name} {path}".encode("utf-8", "surrogateescape"))
    mode = DIRECTORY_MODES[number % len(DIRECTORY_MODES)]
    uid, gid = pool.owners[number // 16 % len(pool.owners)]
    time = pool.times[number // 256 % len(pool.times)] if mtime is None else mtime
    return Entry(f"{path}/", "directory", mode, uid, gid, time)


def with_all_parents(case: Case, limits: Limits) -> Case:
    """With an entry for every directory that a layer implies, before all else, in some layers another one."""
    stack = tuple(
        Layer((*_base((layer,), limits, f"layer {number % 2}"), *layer))
        for number, layer in enumerate(case.stack)
    )
    return replace(case, stack=stack)


def over_others(case: Case) -> Case:
    """Over a layer that has something else where the stack implies a top-level directory first."""
    above = agreeing(case).stack
    tops = [path for layer in above for path in sorted(layer.implied) if not paths.parent(path)]
    names = "".join(entry.name for layer in above for entry in layer)
    other = _OTHERS[crc32(names.encode("utf-8", "surrogateescape")) // 7 % len(_OTHERS)]
    below = Layer((*(replace(other, name=top) for top in tops[:1]), Entry("real/", "directory", 0o750)))
    return case if "real" in tops else replace(case, stack=(below, *above))


_OTHERS: Final = (
    Entry("x", "symlink", 0o777, target="real"),
    Entry("x", "file", content=b"in the way"),
    Entry("x", "symlink", 0o777, target="no/such"),
)


def with_a_root_marker(case: Case) -> Case:
    """With an opaque marker at the root of the topmost layer."""
    *below, top = case.stack
    if paths.ROOT in top.opaques:
        return case
    return replace(case, stack=(*below, Layer((*top, Entry(OPAQUE_MARKER, "opaque")))))
