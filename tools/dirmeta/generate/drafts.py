"""A layer being put together, well formed at every moment."""

from __future__ import annotations

from operator import itemgetter
from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.model import paths
from dirmeta.model.entries import Entry, Kind, Metadata
from dirmeta.model.stack import Layer

_Put = tuple[str, int, Entry]
"""An entry after what its position in the stream is decided by: its place and its key."""
_by_place: Final = itemgetter(0)
_by_key: Final = itemgetter(1)


class Draft:
    """Entries by place. Nothing stands below a non-directory, no place is taken twice, and hardlinks are
    kept apart until the stream is put in order."""

    def __init__(self) -> None:
        self._put: list[_Put] = []
        self._links: list[tuple[int, str, Entry]] = []
        self._taken: set[str] = set()
        self._above: set[str] = set()
        self._solid: set[str] = set()
        self.files: list[tuple[str, Entry]] = []
        """The regular files so far, by place, for hardlinks to link to."""

    def is_free(self, place: str) -> bool:
        """Whether `place` has no entry and everything above it is, or can be, a directory."""
        if place in self._taken:
            return False
        return not self._solid or self._solid.isdisjoint(paths.ancestors(place))

    def is_open(self, directory: str) -> bool:
        """Whether entries may stand in `directory`."""
        return directory not in self._solid and self._solid.isdisjoint(paths.ancestors(directory))

    def holds_something(self, directory: str) -> bool:
        return directory in self._above

    def add(self, place: str, key: int, entry: Entry) -> None:
        """Put `entry` at `place`, which `is_free`; a non-directory where nothing is below. `key` is its
        turn in a stream that keeps no other order."""
        self._put.append((place, key, entry))
        self._note(place, entry.kind)
        if entry.kind == "file":
            self.files.append((place, entry))

    def link(self, place: str, key: int, name: str, target: str, to: Entry) -> None:
        """Put a hardlink to the file `to`, whose name it spells `target`."""
        meta: Metadata = (to.mode, to.uid, to.gid, to.mtime, to.xattrs)
        self._links.append((key, to.name, Entry.unchecked(place, name, "hardlink", meta, target=target)))
        self._note(place, "hardlink")

    def _note(self, place: str, kind: Kind) -> None:
        self._taken.add(place)
        self._above.update(paths.ancestors(place))
        if kind != "directory":
            self._solid.add(place)

    def parents_first(self) -> Layer:
        """The layer in the order of its names, as a builder writes it."""
        return self._finished(sorted(self._put, key=_by_place))

    def as_drawn(self) -> Layer:
        """The layer in the order of its entries' keys."""
        return self._finished(sorted(self._put, key=_by_key))

    def children_first(self) -> Layer:
        """The layer in the reverse order of its names."""
        return self._finished(sorted(self._put, key=_by_place, reverse=True))

    def _finished(self, put: list[_Put]) -> Layer:
        entries = [entry for _, _, entry in put]
        for key, target, link in self._links:
            after = 1 + next(i for i, entry in enumerate(entries) if entry.name == target)
            entries.insert(after + key % (len(entries) - after + 1), link)
        return Layer(tuple(entries))


def in_some_order(choices: Choices, draft: Draft) -> Layer:
    """The draft with its entries in one of three kinds of order. Reads one byte."""
    return choices.pick(_ORDERS)(draft)


_ORDERS = (Draft.parents_first, Draft.as_drawn, Draft.as_drawn, Draft.children_first)
