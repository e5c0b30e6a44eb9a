"""What an executor needs beyond `os`; the sandbox and the labs have it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from dirmeta.model.stack import Credentials
from dirmeta.observe.steps import AskAsStranger, Cramp, Freeze, IdMap, Mount, Outcome, Unpack, Unpacked


class Kernel(Protocol):
    """System calls that `os` lacks. All raise OSError."""

    def statx(self, path: str, /) -> tuple[int, int, int, int]:
        """(mode with its 12 bits, uid, gid, mtime in ns), links not followed."""
        ...

    def handle(self, path: str, /) -> bytes | None:
        """The file handle of `path`, None where its file system gives none."""
        ...

    def entries(self, directory: int, /) -> list[tuple[str, int, int]]:
        """What readdir lists of an open directory as (name, d_ino, d_type)."""
        ...

    def access(self, path: str, bits: int, /) -> None:
        """access(2), which tells more than whether."""
        ...

    def rename(self, path: str, to: str, flags: str = "", /) -> None:
        """renameat2(2); flags are ``noreplace``, ``exchange`` or none."""
        ...

    def become(self, who: Credentials, /) -> None:
        """Take on other credentials, for good."""
        ...


class Scratch(Protocol):
    """A directory of one job, in which it can mount. All names are relative to the working directory,
    which is `path` while the job runs; what it mounted is gone when it ends. All raise OSError."""

    @property
    def path(self) -> str:
        """Absolute."""
        ...

    def overlay(self, step: Mount, /) -> None: ...

    def idmapped(self, step: IdMap, /) -> None: ...

    def freeze(self, step: Freeze, /) -> None: ...

    def cramp(self, step: Cramp, /) -> None: ...

    def stranger(self, step: AskAsStranger, /) -> Outcome: ...

    def unmount(self, at: str, /) -> None: ...

    def log(self) -> list[str] | None:
        """Lines of overlayfs since the job began, None where the kernel log can not be read."""
        ...


class ScratchFactory(Protocol):
    def __call__(self, backing: str, /) -> AbstractContextManager[Scratch]:
        """A fresh scratch directory of that kind. Raises OSError where there is no such kind."""
        ...


class Unpacker(Protocol):
    def __call__(self, step: Unpack, dest: str, work: str, /) -> Unpacked:
        """Unpack into `dest`, which `work` holds; both absolute."""
        ...
