"""Hypothesis strategies for cases of one particular shape, most of them for one rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import setups, wellformed
from dirmeta.generate.choices import Choices
from dirmeta.generate.pools import (
    DIRECTORY_MODES,
    FILE_MODES,
    HEADER_SIZE,
    NO_LIMITS,
    Pools,
    header,
    pools,
)
from dirmeta.generate.private import is_vacant
from dirmeta.generate.strategies import drawn
from dirmeta.generate.trees import GROVE_SIZE, Grove, grove
from dirmeta.model import paths
from dirmeta.model.entries import AUFS_PREFIX, OPAQUE_MARKER, Entry, Metadata
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case, Layer

_LAYER: Final = wellformed.ROOMS[0].size
_EXTRA: Final = 48


def shaped(limits: Limits, build: Callable[[Choices, Pools, Grove, Layer], Case]) -> SearchStrategy[Case]:
    """Cases that `build` makes of a well-formed layer and `_EXTRA` bytes of its own."""
    pool = pools(limits)

    def decode(choices: Choices) -> Case:
        setup = setups.unpacked(choices.part(setups.SETUP_SIZE), limits)
        trees = grove(choices)
        layer = wellformed.layer(choices.part(_LAYER), pool, trees)
        case = build(choices, pool, trees, layer)
        return replace(case, setup=replace(setup, tar="pax"))

    return drawn(setups.SETUP_SIZE + GROVE_SIZE + _LAYER + _EXTRA, decode)


def orders(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """A stack of one well-formed layer in several orders (UNPACK-ORDER); not meant to be mounted."""
    return shaped(limits, _orders)


def _orders(choices: Choices, pool: Pools, trees: Grove, layer: Layer) -> Case:
    sizes = range(1 + choices.index(3))
    return Case((layer, _reversed(layer), *(_shuffled(choices.part(len(layer)), layer) for _ in sizes)))


def _reversed(layer: Layer) -> Layer:
    return _links_last(list(reversed(layer.entries)))


def _shuffled(choices: Choices, layer: Layer) -> Layer:
    rest = list(layer)
    return _links_last([rest.pop(choices.index(len(rest))) for _ in layer])


def _links_last(entries: list[Entry]) -> Layer:
    """The layer with each hardlink moved to after its target, where it stands before."""
    ordered = [entry for entry in entries if entry.kind != "hardlink"]
    for position, entry in enumerate(entries):
        if entry.kind == "hardlink":
            target = next(i for i, other in enumerate(ordered) if other.place == entry.target_path)
            ordered.insert(max(position, target + 1), entry)
    return Layer(tuple(ordered))


def dangling(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """A hardlink whose target this layer does not have before it (UNPACK-LINKTARGET): nowhere, in a
    directory of its own, in the layer below, only later, or a directory."""
    return shaped(limits, _dangling)


def _dangling(choices: Choices, pool: Pools, trees: Grove, layer: Layer) -> Case:
    how = choices.index(5)
    directory, name = choices.pick(trees.directories), "link"
    meta = _metadata(choices, pool, directory)
    lower, later = paths.join(directory, "lower"), paths.join(directory, "later")
    target = ("missing", "nowhere/of/all", lower, later, directory)[how]
    base = _without_obstacles(layer, target)
    base = _without_obstacles(base, paths.join(directory, name))
    link = Entry(paths.join(directory, name), "hardlink", *meta, target=target)
    entries = list(base)
    entries.insert(choices.index(len(entries) + 1), link)
    if how == 3:
        entries.append(Entry(target, "file", *meta, content=b"later"))
    if how == 4 and directory not in base.explicit:
        entries.insert(0, Entry(directory + "/", "directory"))
    dangle = Layer(tuple(entries))
    return Case((Layer((Entry(target, "file", *meta),)), dangle) if how == 2 else (dangle,))


def _metadata(choices: Choices, pool: Pools, place: str) -> Metadata:
    _, _, meta = header(choices, pool, place, FILE_MODES, pool.files[:1])
    return meta


def _without_obstacles(layer: Layer, place: str) -> Layer:
    """The layer without what keeps an object from standing at `place`: entries there and below, and
    non-directories above."""
    above = paths.ancestors(place)
    gone = {
        entry.place for entry in layer
        if entry.place == place or paths.below(entry.place, place)
        or (entry.kind != "directory" and entry.place in above)
    }  # fmt: skip
    return Layer(tuple(
        entry for entry in layer
        if entry.place not in gone and not (entry.kind == "hardlink" and entry.target_path in gone)
    ))  # fmt: skip


def duplicates(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """Two entries for one path (UNPACK-DUPLICATE, UNPACK-EXPLICIT): mostly a directory's."""
    return shaped(limits, _duplicates)


def _duplicates(choices: Choices, pool: Pools, trees: Grove, layer: Layer) -> Case:
    entries = list(layer) or [Entry("a/f", "file")]
    for _ in range(1 + choices.index(2)):
        directories = [entry for entry in entries if entry.kind == "directory"]
        chosen = choices.pick(directories if directories and choices.index(4) < 3 else entries)
        entries.insert(choices.index(len(entries) + 1), _again(choices, pool, chosen))
    if not any(entry.kind == "directory" for entry in entries):
        first = Entry(trees.directories[0] + "/", "directory", 0o700)
        entries += [first, replace(first, mode=0o750)]
    return Case((Layer(tuple(entries)),))


def _again(choices: Choices, pool: Pools, entry: Entry) -> Entry:
    """Another entry for the same place, of the same kind, or rarely a file instead."""
    if entry.kind == "directory":
        name, _, meta = header(choices, pool, entry.place + "/", DIRECTORY_MODES, pool.directories)
        return Entry(name, "directory", *meta)
    if entry.kind in ("whiteout", "opaque"):
        return entry
    name, _, meta = header(choices, pool, entry.place, FILE_MODES, pool.files)
    return Entry(name, "file", *meta, content=b"again")


def bystanders(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """Entries below a symlink of the same layer (UNPACK-BYSTANDER, UNPACK-SYMLINKPARENT): to a directory
    with an entry, one without, one that is absent, or round in a circle."""
    return shaped(limits, _bystanders)


_BELOW_LINK: Final = ("f", "x/f", "x/y/f")


def _bystanders(choices: Choices, pool: Pools, trees: Grove, layer: Layer) -> Case:
    home = choices.pick(("", *trees.directories[:2]))
    link = paths.join(home, "link")
    base = _without_obstacles(layer, paths.join(link, "f"))
    real = choices.pick(trees.directories)
    base = _without_obstacles(base, paths.join(real, "f"))
    to = choices.pick((real, real, real, "absent/directory", link))
    up = "../" * (home.count("/") + bool(home))
    entries = [*base, Entry(link, "symlink", 0o777, target="/" + to if choices.chance(1, 3) else up + to)]
    if real not in base.explicit and choices.chance(2, 3):
        entries.insert(choices.index(len(entries) + 1), _directory(choices, pool, real))
    for _ in range(1 + choices.index(3)):
        entries.append(_below_link(choices, pool, link))
    return Case((Layer(tuple(_once(entries))),))


def _directory(choices: Choices, pool: Pools, path: str) -> Entry:
    name, _, meta = header(choices, pool, path + "/", DIRECTORY_MODES, pool.directories)
    return Entry(name, "directory", *meta)


def _below_link(choices: Choices, pool: Pools, link: str) -> Entry:
    what = choices.index(6)
    if what == 4:
        return Entry(paths.join(link, OPAQUE_MARKER), "opaque")
    if what == 5:
        return Entry(paths.join(link, ".wh.g"), "whiteout")
    if what == 3:
        return _directory(choices, pool, paths.join(link, "x"))
    name, _, meta = header(choices, pool, paths.join(link, _BELOW_LINK[what]), FILE_MODES, pool.files)
    return Entry(name, "file", *meta)


def _once(entries: list[Entry]) -> list[Entry]:
    """The first entry of each place."""
    return list({entry.place: entry for entry in reversed(entries)}.values())[::-1]


def aufs_names(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """Names that only AUFS has a meaning for (UNPACK-WHFILES): ``.wh..wh.plnk`` and its like."""
    return shaped(limits, _aufs_names)


_AUFS: Final = (AUFS_PREFIX + "plnk", AUFS_PREFIX + "aufs", AUFS_PREFIX + "orph", AUFS_PREFIX + "x", ".wh.")


def _aufs_names(choices: Choices, pool: Pools, trees: Grove, layer: Layer) -> Case:
    entries = list(layer)
    for _ in range(1 + choices.index(2)):
        so_far = Layer(tuple(entries))
        name = choices.pick(_AUFS)
        place = paths.join(choices.pick(("", *trees.directories[:3])), name)
        inner = paths.join(place, "1.2")
        if choices.chance(1, 2) and is_vacant(so_far, inner):
            entries.append(Entry(inner, "file", *_metadata(choices, pool, inner)))
            if choices.chance(1, 2) and place not in so_far.explicit:
                entries.append(Entry(place + "/", "directory", 0o700))
        elif is_vacant(so_far, place):
            entry = Entry(place, "file", *_metadata(choices, pool, place))
            entries.insert(choices.index(len(entries) + 1), entry)
    if all(AUFS_PREFIX not in entry.name or entry.kind == "opaque" for entry in entries):
        entries.append(Entry(_AUFS[0] + "/", "directory", 0o700))
    return Case((Layer(tuple(entries)),))


assert 2 * 16 + HEADER_SIZE <= _EXTRA
