"""``sequential:SUBJECT``: layers applied one over another in one directory, by a tool that knows no layers.

It unpacks. What a layer asks beside that is done around it: what whiteouts hide goes first, and whatever
stands where something of another kind comes; directories without an entry get the times back that the tool's
work in them has changed (``sequential/keep``).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

from dirmeta.model.stack import Layer
from dirmeta.observe.forks import Fork
from dirmeta.streams import tar
from dirmeta.subjects.base import Subject
from dirmeta.subjects.engines.base import Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.layerwise import Layerwise, unpack

Identity = tuple[int, int]
Times = Mapping[Identity, int]
"""Directory → mtime in ns."""
T = TypeVar("T")


@dataclass(frozen=True)
class Applied(Layerwise):
    """Every layer goes into the same directory.

    subject  of ``sequential`` semantics: neither marks nor whiteouts
    """

    how: ClassVar[str] = "sequential"

    @property
    def traits(self) -> Traits:
        return Traits("sequential", "keep", self.subject.keeps)

    def compose(self, image: Image, work: str) -> Root:
        root = f"{work}/root"
        os.mkdir(root)
        for layer in image.stack:
            apply(self.subject, layer, root, work)
        return Root(root)


def apply(subject: Subject, layer: Layer, root: str, work: str) -> None:
    """Apply one layer to what stands in `root`, which is in `work`. Raises Refused, EngineError."""
    times = _inside(root, partial(_make_way, layer))
    for part in _parts(layer):
        unpack(subject, tar.encode(part, "pax"), root, work, delegate=False)
    _inside(root, partial(_give_back, times, layer))


def _parts(layer: Layer) -> Iterator[Layer]:
    """The layer without markers: first all else, then directories, the deepest first. Every order means the
    same, and GNU tar makes some symlinks after it has set the times of directories."""
    names = [entry for entry in layer if entry.place in layer.others]
    deepest = sorted(layer.explicit.values(), key=lambda entry: entry.path.count("/"), reverse=True)
    return (Layer(tuple(part)) for part in (names, deepest) if part)


def _inside(root: str, do: Callable[[], T]) -> T:
    """`do` with `root` as the root directory: layers have links that lead anywhere."""
    fork: Fork[str, T] = Fork(lambda: os.chroot(root), lambda _: do())
    try:
        fork.ask("")
        return fork.answer()
    finally:
        fork.close()


def _make_way(layer: Layer) -> Times:
    """Remove what the layer hides or replaces; the times that directories had before."""
    times = {_identity(found): found.st_mtime_ns for _, found in _directories()}
    for path in layer.whiteouts:
        _remove(f"/{path}")
    for path in layer.opaques:
        for name in _names(f"/{path}"):
            _remove(f"/{path}/{name}")
    for path in layer.others:
        if _is_directory(f"/{path}"):
            _remove(f"/{path}")
    for path in layer.explicit:
        if path and not _is_directory(f"/{path}"):
            _remove(f"/{path}")
            # Of one that it has made itself, GNU tar does not see what a setgid parent has done to it.
            with suppress(OSError):
                os.makedirs(f"/{path}")
    return times


def _give_back(times: Times, layer: Layer) -> None:
    """Set the times of directories that the layer has no entry for to what they were."""
    own = {_identity(os.stat(f"/{path}")) for path in layer.explicit}
    for place, found in _directories():
        which = _identity(found)
        if which in times and which not in own:
            os.utime(place, ns=(found.st_atime_ns, times[which]))


def _directories() -> Iterator[tuple[str, os.stat_result]]:
    return ((place, os.lstat(place)) for place, _, _ in os.walk("/"))


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:  # a marker may speak of what is not there
        return []


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _remove(path: str) -> None:
    if _is_directory(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
