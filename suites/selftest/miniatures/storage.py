"""Unpackers with the defects of containers/storage 1.43, and of its proof of concept, container-libs#701.

Sentences, here and in `unpackers` and `shapes`, number the thirteen of the proof of concept; `NOT_SHOWN` has
those that no broken unpacker can show.
"""

# mypy: disable-error-code=method-assign

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.subjects.reference import Unpacker
from dirmeta.subjects.reference.directories import Refused

from . import Collection

storage = Collection()

NOT_SHOWN: Final = {
    5: "A file system that keeps no marks is an error: UNPACK-UNSUPPORTED is open, and an error conforms.",
    6: "zstd:chunked layers have no marks: UNPACK-CHUNKED has no check, and a miniature reads tar streams.",
    9: "With force_mask the metadata is in an xattr of containers/storage's own, which no rule speaks of.",
    11: "What was unpacked before has no marks: COMPAT-OLDSTORE is open, and is about a store, not a layer.",
    12: "A placeholder is packed again as an entry: PRODUCER-RETAR judges who packs, and has no check. That "
    "the patch does not is seen on a real store (building/test_real_store.py).",
}
"""Defects of the proof of concept without a miniature, by number, and why."""

TODAY = 1_700_000_000 * 10**9


@storage(breaks="UNPACK-ROOT")
def root_of_today(it: Unpacker) -> None:
    """Gives the root mode and owner, not time and xattrs, of its entry (proof of concept, 10)."""
    place = it.place_directory
    it.place_directory = lambda entry: place(entry if entry.path else replace(entry, mtime=TODAY, xattrs=()))


@storage(breaks="UNPACK-PARENTS")
def refuses_late_whiteouts(it: Unpacker) -> None:
    """Refuses a whiteout of a path that has something of its own layer already."""
    place = it.place_whiteout

    def place_whiteout(entry: Entry) -> None:
        if entry.path in it.directories or entry.path in it.others:
            raise Refused(entry.name, "file exists")
        place(entry)

    it.place_whiteout = place_whiteout


@storage(breaks="UNPACK-ORDER")
def whiteouts_take_each_other(it: Unpacker) -> None:
    """A whiteout takes away the directory that was made for whiteouts below it, unless it came first."""
    place = it.place_whiteout

    def place_whiteout(entry: Entry) -> None:
        below = [path for path in it.others if paths.below(path, entry.path)]
        made = [path for path in it.directories if path == entry.path or paths.below(path, entry.path)]
        explicit = any(it.directories[path].explicit for path in made)
        if not explicit and all(it.others[path] == "whiteout" for path in below):
            for path in (*below, *sorted(made, reverse=True)):
                it.vacate(path, it.directories[paths.parent(path)])
        place(entry)

    it.place_whiteout = place_whiteout


@storage(breaks="UNPACK-EXACT")
def time_begins_in_1970(it: Unpacker) -> None:
    """Takes times before 1970 for 1970."""
    place = it.place
    it.place = lambda entry: place(replace(entry, mtime=max(0, entry.mtime)))
