"""The directories of one destination, each reached through a descriptor and never by its path."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Final

from dirmeta.model import paths

OPEN_MAX: Final = 128
"""Descriptors held at a time; directories beyond that are opened again when they are needed."""

_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Refused(Exception):
    """An entry that can not be unpacked: its path as the layer spells it, and why."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"{paths.printable(self.path) or '.'}: {self.why}"


class Directory:
    """A directory of the destination.

    mtime     what it has to be at the end, in ns; None leaves the time alone
    explicit  whether it has had an entry
    marked    whether it carries the mark
    defaults  whether it has a default ACL, which the kernel would copy to what is made in it
    """

    __slots__ = ("above", "defaults", "explicit", "fd", "marked", "mtime", "name", "path")

    def __init__(self, path: str, above: Directory | None) -> None:
        self.path = path
        self.name = paths.basename(path)
        self.above = above
        self.fd = -1
        self.mtime: int | None = 0
        self.explicit = False
        self.marked = False
        self.defaults = False


class Directories(dict[str, Directory]):
    """Path → directory, of all that the destination holds; the root is ``""``.

    What is in here was made by this unpacking, or is the destination itself: nothing in it is, or
    lies behind, a symlink.
    """

    def __init__(self, dest: str) -> None:
        super().__init__()
        self._open: OrderedDict[Directory, None] = OrderedDict()
        root = self[paths.ROOT] = Directory(paths.ROOT, None)
        root.mtime = None
        root.fd = os.open(dest, _FLAGS)

    def descriptor(self, directory: Directory) -> int:
        """An open descriptor, good until the next but one call."""
        if directory.fd < 0:
            self._reopen(directory)
        elif directory.above is not None:
            self._open.move_to_end(directory)
        return directory.fd

    def _reopen(self, directory: Directory) -> None:
        names: list[str] = []
        nearest = directory
        while nearest.fd < 0 and nearest.above is not None:
            names.append(nearest.name)
            nearest = nearest.above
        fd = nearest.fd
        while names:
            try:
                below = os.open(names.pop(), _FLAGS, dir_fd=fd)
            finally:
                if fd != nearest.fd:
                    os.close(fd)
            fd = below
        directory.fd = fd
        self._open[directory] = None
        if len(self._open) > OPEN_MAX:
            oldest, _ = self._open.popitem(last=False)
            os.close(oldest.fd)
            oldest.fd = -1

    def forget(self, directory: Directory) -> None:
        """Take a directory that was removed out of the table."""
        del self[directory.path]
        if directory.fd >= 0:
            del self._open[directory]
            os.close(directory.fd)

    def close(self) -> None:
        for directory in (self[paths.ROOT], *self._open):
            os.close(directory.fd)
            directory.fd = -1
        self._open.clear()
