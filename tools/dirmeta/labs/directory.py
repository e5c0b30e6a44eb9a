"""A directory of the user's as scratch space: ours alone while we run, and swept of what killed runs left."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable
from typing import Final

from dirmeta.sandbox.errors import Obstacle

_PREFIX: Final = "dirmeta-"
_LOCK: Final = ".lock"
_TRIES: Final = 8
_PROBE: Final = b"y"


class ScratchError(Obstacle):
    """Scratch space that can not be had; the text is one line that ends in the remedy."""


class Claim:
    """A subdirectory of `directory` that is ours as long as its lock file is locked."""

    def __init__(self, directory: str) -> None:
        try:
            sweep(directory)
            self.path, self._lock = _claim(directory)
            os.mkdir(self.path, 0o755)
            os.chown(self.path, 0, 0)
            os.chmod(self.path, 0o755)
        except OSError as error:
            why = f"{directory}: {error.strerror}; give a directory that can be written"
            raise ScratchError(why) from error

    def release(self) -> None:
        """Remove the subdirectory."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.unlink(self.path + _LOCK)
        os.close(self._lock)


def _claim(directory: str) -> tuple[str, int]:
    """A new name in `directory` and the lock that is held on it."""
    for _ in range(_TRIES):
        path = f"{directory}/{_PREFIX}{os.urandom(6).hex()}"
        try:
            return path, _lock(path + _LOCK, os.O_CREAT | os.O_EXCL)
        except (BlockingIOError, FileNotFoundError):  # a sweeper saw it before it was locked
            continue
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), directory)


def sweep(directory: str) -> None:
    """Remove what runs that were killed left in `directory`: their locks are free."""
    for name in os.listdir(directory):
        if name.startswith(_PREFIX) and name.endswith(_LOCK):
            lock = f"{directory}/{name}"
            try:
                fd = _lock(lock, 0)
            except OSError:
                continue
            shutil.rmtree(lock.removesuffix(_LOCK), ignore_errors=True)
            os.unlink(lock)
            os.close(fd)


def _lock(path: str, flags: int) -> int:
    """Lock a file without waiting. Opened and locked are two steps: it may be gone by then."""
    fd = os.open(path, os.O_RDWR | flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.stat(path)
    except OSError:
        os.close(fd)
        raise
    return fd


def require_xattrs(directory: str, place: str, names: Iterable[str]) -> None:
    """Raise ScratchError unless xattrs of these names can be set below `place`, which is in `directory`."""
    probe = f"{place}/probe"
    os.mkdir(probe)
    try:
        for name in names:
            try:
                os.setxattr(probe, name, _PROBE)
            except OSError as error:
                kind = name.partition(".")[0]
                raise ScratchError(
                    f"{directory}: its file system holds no {kind}.* xattrs ({error.strerror}); "
                    "give a directory on ext4, xfs, btrfs or tmpfs"
                ) from error
    finally:
        os.rmdir(probe)
