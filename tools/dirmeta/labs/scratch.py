"""Scratch directories of the host lab: a tmpfs, a place on a disk, a place in a directory of the user's."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final

from dirmeta.labs import disks, images, mounts, stranger
from dirmeta.labs.directory import Claim
from dirmeta.labs.idmap import idmapped
from dirmeta.labs.kmsg import KernelLog
from dirmeta.observe.steps import WITHOUT_XATTRS, AskAsStranger, Cramp, Freeze, IdMap, Mount, Outcome
from dirmeta.sandbox import namespace, syscalls

_TMPFS: Final = "mode=0755,size=256m,nr_inodes=262144"
"""A program that fills the disk stops here, and so does one that makes names without end."""


class HostScratch:
    """A directory that is a mount point, so that all mounts in it go with it.

    home  a directory for what does not lie in it
    """

    def __init__(self, path: str, home: str, log: KernelLog) -> None:
        self.path = path
        self._home = home
        self._log = log

    def overlay(self, step: Mount, /) -> None:
        mounts.overlay(step)

    def idmapped(self, step: IdMap, /) -> None:
        idmapped(step)

    def freeze(self, step: Freeze, /) -> None:
        images.freeze(step, _image(self._home))

    def cramp(self, step: Cramp, /) -> None:
        namespace.assert_private()
        os.makedirs(step.at)
        syscalls.mount("cramped", step.at, "tmpfs", syscalls.MS_NOSUID, f"mode=0755,nr_inodes={step.inodes}")

    def stranger(self, step: AskAsStranger, /) -> Outcome:
        return stranger.ask(step)

    def unmount(self, at: str, /) -> None:
        namespace.assert_private()
        syscalls.umount(at)

    def log(self) -> list[str] | None:
        return self._log.lines()


def _image(home: str) -> str:
    """A name for an image, in which the kernel's list of loop devices can be seen to be ours."""
    return f"{home}/dirmeta-{os.urandom(6).hex()}.img"


class Places:
    """Makes scratch directories of each kind, one at a time.

    home       a directory of this private world alone
    directory  one of the user's, or "" for none
    Raises ScratchError where `directory` is unfit.
    """

    def __init__(self, home: str, log: KernelLog, directory: str = "") -> None:
        self._home = home
        self._log = log
        self._claim = Claim(directory) if directory else None
        self._made = 0
        self._kinds: dict[str, Callable[[], AbstractContextManager[str]]] = {"tmpfs": self._on_tmpfs}
        for kind in disks.available():
            self._kinds[kind] = partial(self._on_disk, kind)
        if self._claim:
            claimed = self._claim.path
            self._kinds["directory"] = lambda: self._below(claimed)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What can be asked for, as far as that can be told without doing it."""
        return tuple(self._kinds)

    @property
    def claimed(self) -> str:
        """Our part of the user's directory; "" without one."""
        return self._claim.path if self._claim else ""

    @contextmanager
    def __call__(self, backing: str, /) -> Iterator[HostScratch]:
        if backing == WITHOUT_XATTRS:
            kind: Callable[[], AbstractContextManager[str]] = self._on_ramfs
        elif backing in self._kinds:
            kind = self._kinds[backing]
        else:
            raise OSError(errno.EOPNOTSUPP, f"this lab has no scratch directory of kind {backing!r}")
        namespace.assert_private()
        with kind() as path:
            self._log.begin()
            yield HostScratch(path, self._home, self._log)

    def close(self) -> None:
        if self._claim:
            self._claim.release()

    def _on_tmpfs(self) -> AbstractContextManager[str]:
        return self._mounted("tmpfs", _TMPFS)

    def _on_ramfs(self) -> AbstractContextManager[str]:
        return self._mounted("ramfs", "mode=0755")

    @contextmanager
    def _mounted(self, kind: str, options: str) -> Iterator[str]:
        path = f"{self._home}/{kind}"
        os.makedirs(path, exist_ok=True)
        syscalls.mount("scratch", path, kind, syscalls.MS_NOSUID, options)
        try:
            yield path
        finally:
            syscalls.umount(path, syscalls.MNT_DETACH)

    @contextmanager
    def _below(self, directory: str) -> Iterator[str]:
        self._made += 1
        path = f"{directory}/{self._made}"
        os.mkdir(path)
        os.chmod(path, 0o755)
        try:
            syscalls.mount(path, path, None, syscalls.MS_BIND)
            try:
                yield path
            finally:
                syscalls.umount(path, syscalls.MNT_DETACH)
        finally:
            shutil.rmtree(path)

    def _on_disk(self, kind: str) -> AbstractContextManager[str]:
        return self._below(self._disk(kind))

    def _disk(self, kind: str) -> str:
        """Where the one file system of that kind is mounted, which is made when it is first asked for."""
        path = f"{self._home}/{kind}"
        if not os.path.ismount(path):
            os.makedirs(path, exist_ok=True)
            disks.mount(kind, _image(self._home), path)
        return path
