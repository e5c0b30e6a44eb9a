"""Well-formed layers and stacks, decoded from choices.

A layer's bytes are slots of fixed size, one an entry: first what stands in directories, then the
directories themselves, of which about half get an entry and the others stay implied. Changing the
bytes of one slot leaves the rest of the case as it is, but for conflicts over a place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from dirmeta.generate import trees
from dirmeta.generate.choices import Choices
from dirmeta.generate.drafts import Draft, in_some_order
from dirmeta.generate.pools import (
    BLOCK_DEVICES,
    CHAR_DEVICES,
    CONTENTS,
    DIRECTORY_MODES,
    FILE_MODES,
    HEADER_SIZE,
    TARGETS,
    TURNS,
    Header,
    Pools,
    header,
)
from dirmeta.generate.trees import SPELLINGS, Grove
from dirmeta.model import paths
from dirmeta.model.entries import OPAQUE_MARKER, Entry
from dirmeta.model.stack import Layer, Stack

LEAF_SIZE: Final = 2 + HEADER_SIZE
LAYER_SIZE: Final = 4


class Room(NamedTuple):
    """How much one layer can hold: so many leaves, and (at most 4) directories with entries."""

    leaves: int
    directories: int

    @property
    def size(self) -> int:
        """Bytes of one layer."""
        return LAYER_SIZE + LEAF_SIZE * self.leaves + HEADER_SIZE * self.directories


ROOMS: Final = (Room(6, 4), Room(5, 4), Room(4, 4), Room(3, 4), Room(2, 4))
"""Number of layers less one → the room of each; a case of many layers has smaller ones."""
STACK_SIZE: Final = trees.GROVE_SIZE + 2 + max((n + 1) * room.size for n, room in enumerate(ROOMS))
"""Bytes that decide a stack."""
_TAKEN: Final = (0, 1, 0, 2, 0, 0, 3, 0)
"""Which layer may only take something away; neither the lowest nor the topmost does."""
_DEPTHS: Final = (2, 3, 1, 2, 3, 4, 3, 5)
_COUNTS: Final = (4, 8, 6, 5, 4, 8, 3, 7, 5, 2, 6, 0)
"""Eighths of a layer's room for leaves that are used."""


def stack(choices: Choices, pool: Pools, max_layers: int = 5) -> Stack:
    """One to `max_layers` (at most 5) well-formed layers over one small tree. Reads `STACK_SIZE` bytes."""
    grove = trees.grove(choices)
    count = 1 + (choices.pick(_DEPTHS) - 1) % max_layers
    room = ROOMS[count - 1]
    taken = choices.pick(_TAKEN)
    return tuple(
        _taking_away(choices.part(room.size), pool, grove)
        if number == taken and 0 < number < count - 1
        else layer(choices.part(room.size), pool, grove, room)
        for number in range(count)
    )


def _taking_away(choices: Choices, pool: Pools, grove: Grove) -> Layer:
    """A layer that does nothing but remove a directory, or put something in its place."""
    made = Draft()
    form, directory = choices.pick(_REMOVALS), choices.pick(grove.directories)
    form(choices, made, pool, _Site(directory, grove.names))
    return made.as_drawn()


def layer(choices: Choices, pool: Pools, grove: Grove, room: Room = ROOMS[0]) -> Layer:
    """One well-formed layer over `grove`. Reads `room.size` bytes."""
    return in_some_order(choices, draft(choices, pool, grove, room))


def draft(choices: Choices, pool: Pools, grove: Grove, room: Room = ROOMS[0]) -> Draft:
    """The entries of one layer, not yet in order. Reads one byte less than `room.size`."""
    made = Draft()
    leaves = choices.pick(_COUNTS) * room.leaves // 8
    explicit, childless = choices.index(256), choices.index(256)
    directories = grove.directories[: room.directories]
    for _ in range(leaves):
        _leaf(choices.part(LEAF_SIZE), made, pool, grove, directories)
    choices.skip(LEAF_SIZE * (room.leaves - leaves))
    for number, directory in enumerate(directories):
        # Half of those with something below have an entry, and a quarter of the others.
        has_entry = explicit >> number & 1 == 1
        if not made.holds_something(directory):
            has_entry = childless >> 2 * number & 3 == 3
        slot = choices.part(HEADER_SIZE)
        if has_entry and made.is_free(directory):
            name, turn, meta = header(slot, pool, directory + "/", DIRECTORY_MODES, pool.directories)
            made.add(directory, turn, Entry.unchecked(directory, name, "directory", meta))
    return made


class _Site(NamedTuple):
    """Where a leaf goes: its directory ("" the root) and the names it may have, the preferred one first."""

    directory: str
    names: tuple[str, ...]

    def free_place(self, made: Draft) -> str | None:
        """The first of its names that is not taken."""
        for name in self.names:
            place = paths.join(self.directory, name)
            if made.is_free(place):
                return place
        return None


def _leaf(slot: Choices, made: Draft, pool: Pools, grove: Grove, directories: tuple[str, ...]) -> None:
    """Something that stands in a directory, or in the place of one. Reads `LEAF_SIZE` bytes."""
    form = slot.pick(_FORMS)
    number, first = slot.indices(3 * len(directories) + 1, len(grove.names))
    directory = directories[number % len(directories)] if number < 3 * len(directories) else paths.ROOT
    if not made.is_open(directory):
        directory = paths.ROOT
    form(slot, made, pool, _Site(directory, grove.names[first:] + grove.names[:first]))


Form = Callable[[Choices, Draft, Pools, _Site], None]


def _file(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    if (place := site.free_place(made)) is not None:
        _file_at(place, slot, made, pool)


def _file_at(place: str, slot: Choices, made: Draft, pool: Pools) -> None:
    name, turn, meta = header(slot, pool, place, FILE_MODES, pool.files)
    made.add(place, turn, Entry.unchecked(place, name, "file", meta, content=CONTENTS[turn % len(CONTENTS)]))


def _symlink(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    if (place := site.free_place(made)) is not None:
        _symlink_at(place, slot, made, pool)


def _symlink_at(place: str, slot: Choices, made: Draft, pool: Pools) -> None:
    name, turn, meta = header(slot, pool, place, (0o777,), pool.symlinks)
    made.add(place, turn, Entry.unchecked(place, name, "symlink", meta, target=TARGETS[turn % len(TARGETS)]))


def _hardlink(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    """A link to a file of this layer; a file where there is none."""
    place = site.free_place(made)
    if place is None or not made.files:
        return _file(slot, made, pool, site)
    target, entry = slot.pick(made.files)
    of_name, of_target = slot.indices(len(SPELLINGS), len(SPELLINGS))
    made.link(place, slot.index(TURNS), SPELLINGS[of_name](place), SPELLINGS[of_target](target), entry)
    return None


def _char(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    place = site.free_place(made)
    if place is None or not pool.devices:
        return _fifo(slot, made, pool, site)
    name, turn, meta = header(slot, pool, place, FILE_MODES, pool.symlinks)
    (major, minor), (majors, minors) = CHAR_DEVICES[turn % len(CHAR_DEVICES)], pool.numbers
    device = min(major, majors), min(minor, minors)
    return made.add(place, turn, Entry.unchecked(place, name, "char", meta, device=device))


def _block(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    place = site.free_place(made)
    if place is None or not pool.devices:
        return _fifo(slot, made, pool, site)
    name, turn, meta = header(slot, pool, place, FILE_MODES, pool.symlinks)
    device = BLOCK_DEVICES[turn % len(BLOCK_DEVICES)]
    return made.add(place, turn, Entry.unchecked(place, name, "block", meta, device=device))


def _fifo(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    if (place := site.free_place(made)) is not None:
        name, turn, meta = header(slot, pool, place, FILE_MODES, pool.symlinks)
        made.add(place, turn, Entry.unchecked(place, name, "fifo", meta))


def _marker(slot: Choices, pool: Pools, place: str) -> Header:
    """The header of an entry that is no object: metadata that must show nowhere, and no xattrs."""
    return header(slot, pool, place, FILE_MODES, pool.files[:1])


def _hide(path: str, slot: Choices, made: Draft, pool: Pools) -> None:
    """A whiteout of `path`, where it can have one."""
    place = trees.whiteout_of(path)
    if place and made.is_free(place):
        name, turn, meta = _marker(slot, pool, place)
        made.add(place, turn, Entry.unchecked(place, name, "whiteout", meta))


def _whiteout(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    _hide(paths.join(site.directory, site.names[0]), slot, made, pool)


def _whiteout_of_directory(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    _hide(site.directory or site.names[0], slot, made, pool)


def _opaque(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    place = paths.join(site.directory, OPAQUE_MARKER)
    if not site.directory or not made.is_free(place):
        return _file(slot, made, pool, site)
    name, turn, meta = _marker(slot, pool, place)
    return made.add(place, turn, Entry.unchecked(place, name, "opaque", meta))


def _replaced(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    """A file in a directory, and a whiteout of that directory."""
    _file(slot, made, pool, site)
    _whiteout_of_directory(slot, made, pool, site)


def _file_instead(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    """A file where other layers have a directory."""
    if not _is_replaceable(site.directory, made):
        return _file(slot, made, pool, site)
    return _file_at(site.directory, slot, made, pool)


def _symlink_instead(slot: Choices, made: Draft, pool: Pools, site: _Site) -> None:
    """A symlink where other layers have a directory."""
    if not _is_replaceable(site.directory, made):
        return _symlink(slot, made, pool, site)
    return _symlink_at(site.directory, slot, made, pool)


def _is_replaceable(place: str, made: Draft) -> bool:
    return bool(place) and not made.holds_something(place) and made.is_free(place)


_REMOVALS: Final[tuple[Form, ...]] = (_whiteout_of_directory, _file_instead, _symlink_instead)
_FORMS: Final[tuple[Form, ...]] = (
    *(_file,) * 7, _symlink, *(_hardlink,) * 4, _whiteout, _whiteout, *(_whiteout_of_directory,) * 2,
    _opaque, _opaque, _replaced, _replaced, _file_instead, _symlink_instead, _char, _block, _fifo,
)  # fmt: skip
