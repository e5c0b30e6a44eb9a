"""A small tree beside the destination of an unpacker, which no unpacker may change."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from typing import Final, NamedTuple

NAME: Final = "canary"
"""Of the directory, in the one that holds the destination."""

_TIME: Final = 86_400_000_000_007
_XATTR: Final = "user.canary"
_FILES: Final = (("file", 0o640), ("dir/file", 0o600))
_DIRECTORIES: Final = (("", 0o755), ("dir", 0o750), ("dir/deep", 0o700))
_LINK: Final = ("link", "dir/file")


class _Look(NamedTuple):
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    target: str
    xattrs: tuple[tuple[str, bytes], ...]


class Canary:
    """A planted tree: files, directories, a symlink, with modes, times and xattrs.

    work  the directory that holds it, the destination, and nothing else
    """

    def __init__(self, work: str) -> None:
        self._work = work
        self.path = f"{work}/{NAME}"
        _plant(self.path)
        self._names = sorted(os.listdir(work))
        self._before = _look(self.path)

    def changed(self) -> str:
        """What is not as it was, as seen from the destination, or nothing."""
        after = _look(self.path)
        for path in sorted(self._before.keys() | after.keys()):
            was, now = self._before.get(path), after.get(path)
            if was != now:
                what = "appeared" if was is None else "is gone" if now is None else _difference(was, now)
                return f"../{NAME}{'/' * bool(path)}{path} {what}"
        strangers = [name for name in sorted(os.listdir(self._work)) if name not in self._names]
        return f"../{strangers[0]} appeared" if strangers else ""

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _plant(root: str) -> None:
    before = os.umask(0)
    try:
        for name, mode in _DIRECTORIES:
            os.mkdir(f"{root}/{name}", mode)
        for name, mode in _FILES:
            fd = os.open(f"{root}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            os.write(fd, b"sings\n")
            os.close(fd)
        os.symlink(_LINK[1], f"{root}/{_LINK[0]}")
        for name, _ in _FILES + _DIRECTORIES:
            with contextlib.suppress(OSError):  # a tmpfs before 6.6
                os.setxattr(f"{root}/{name}", _XATTR, b"sings")
        for name, _ in (*_FILES, *reversed(_DIRECTORIES)):
            os.utime(f"{root}/{name}", ns=(_TIME, _TIME))
    finally:
        os.umask(before)


def _look(root: str) -> dict[str, _Look]:
    """Path below the canary → what is compared of it."""
    seen: dict[str, _Look] = {}
    todo = [""]
    while todo:
        path = todo.pop()
        place = f"{root}/{path}"
        try:
            status = os.lstat(place.rstrip("/"))
        except FileNotFoundError:
            continue
        kind = stat.S_IFMT(status.st_mode)
        size = 0 if kind == stat.S_IFDIR else status.st_size
        target = os.readlink(place) if kind == stat.S_IFLNK else ""
        names = os.listxattr(place, follow_symlinks=False)
        xattrs = tuple((name, os.getxattr(place, name, follow_symlinks=False)) for name in sorted(names))
        seen[path] = _Look(
            status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, size, target, xattrs
        )
        if kind == stat.S_IFDIR:
            todo += [f"{path}/{name}" if path else name for name in os.listdir(place)]
    return seen


def _difference(was: _Look, now: _Look) -> str:
    changed = [name for name, old, new in zip(_Look._fields, was, now, strict=True) if old != new]
    return f"changed ({', '.join(changed)})"
