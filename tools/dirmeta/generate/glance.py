"""What `features` needs to know of each layer, gathered in one pass because it is asked of every case."""

from __future__ import annotations

from typing import NamedTuple

from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.model.overlayfs import MARK, OPAQUE, PREFIX, YES
from dirmeta.model.stack import Case, Layer, Setup


class Glance(NamedTuple):
    """One layer at a glance; all sets are of paths.

    explicit     path → directory entry
    others       objects that are no directories
    directories  path → whether the diff directory has it marked, to the case's mounts
    opaque       directories that are opaque to them
    cuts         where a look-up ends in this layer: `opaque`, `whiteouts` and `others`
    late         explicit directories whose entry follows one below them
    late_files   … that follow a file below them
    """

    entries: tuple[Entry, ...]
    explicit: dict[str, Entry]
    others: set[str]
    whiteouts: set[str]
    markers: set[str]
    implied: set[str]
    directories: dict[str, bool]
    opaque: set[str]
    cuts: set[str]
    late: set[str]
    late_files: set[str]

    def ends(self, path: str) -> bool:
        """Whether this layer hides what lower ones have at `path`."""
        cuts = self.cuts
        return path in cuts or (bool(cuts) and not cuts.isdisjoint(paths.ancestors(path)))

    def names_in(self, directory: str) -> set[str]:
        """Paths of what the layer has in `directory`."""
        found = (*self.others, *self.directories)
        return {path for path in found if path and paths.parent(path) == directory}


def glances(case: Case) -> list[Glance]:
    """A glance at each layer, lowest first."""
    return [_glance(layer, case.setup) for layer in case.stack]


def _glance(layer: Layer, setup: Setup) -> Glance:
    explicit: dict[str, Entry] = {}
    others, whiteouts, markers = set[str](), set[str](), set[str]()
    above, above_files = set[str](), set[str]()
    late, late_files = set[str](), set[str]()
    for entry in layer.entries:
        kind, place = entry.kind, entry.place
        over = paths.ancestors(place)
        above.update(over)
        if kind == "directory":
            explicit[place] = entry
            if place in above:
                late.add(place)
                if place in above_files:
                    late_files.add(place)
        elif kind == "whiteout":
            whiteouts.add(entry.path)
        elif kind == "opaque":
            markers.add(entry.path)
        else:
            others.add(place)
            if kind == "file":
                above_files.update(over)
    implied = above - explicit.keys()
    opaque = (markers | whiteouts) & (implied | explicit.keys())
    directories = _directories(explicit, implied, whiteouts, opaque, setup)
    opaque.discard(paths.ROOT)
    cuts = opaque | whiteouts | others
    return Glance(
        layer.entries,
        explicit,
        others,
        whiteouts,
        markers,
        implied,
        directories,
        opaque,
        cuts,
        late,
        late_files,
    )


def _directories(
    explicit: dict[str, Entry], implied: set[str], whiteouts: set[str], opaque: set[str], setup: Setup
) -> dict[str, bool]:
    """Path → mark of all directories; those that are opaque by an xattr of their entry join `opaque`."""
    directories = dict.fromkeys(explicit, False)
    for path in implied:
        directories[path] = setup.delegate and path not in whiteouts
    if setup.layout == "model":
        prefix = PREFIX[setup.namespace]
        for path, entry in explicit.items():
            for name, value in entry.xattrs:
                if value == YES and name == prefix + MARK:
                    directories[path] = True
                elif value == YES and name == prefix + OPAQUE:
                    opaque.add(path)
    return directories
