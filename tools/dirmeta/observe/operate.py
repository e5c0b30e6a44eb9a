"""Single system calls through a mount, by whoever a program says."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from dirmeta.model.stack import Credentials
from dirmeta.observe.forks import Fork
from dirmeta.observe.kernel import Kernel
from dirmeta.observe.steps import Operate, Outcome

_ROOT: Final = Credentials()
_DROP_CACHES: Final = "/proc/sys/vm/drop_caches"


class Actors:
    """Does operations: as this process for root, else by one forked child for each set of credentials.

    A descriptor that is held belongs to who opened it.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._root = Actor(kernel)
        self._forks: dict[Credentials, Fork[Operate, Outcome]] = {}

    def do(self, operation: Operate) -> Outcome:
        """Raises OSError only where the credentials can not be had."""
        if operation.by == _ROOT:
            return self._root.do(operation)
        fork = self._forks.get(operation.by)
        if fork is None:
            become = partial(self._kernel.become, operation.by)
            fork = self._forks[operation.by] = Fork(become, Actor(self._kernel).do)
        fork.ask(operation)
        return fork.answer()

    def close(self) -> None:
        """Let go of all that is held."""
        self._root.close()
        while self._forks:
            self._forks.popitem()[1].close()


class Actor:
    """One process that does operations, and the descriptors that it holds by number."""

    def __init__(self, kernel: Kernel) -> None:
        self._held: dict[int, int] = {}
        self._calls: Final[dict[str, Callable[..., Any]]] = {
            **_CALLS,
            "access": kernel.access,
            "rename": kernel.rename,
            "hold": self._hold,
            "fchmod": self._fchmod,
            "fstat": self._fstat,
        }

    def do(self, operation: Operate) -> Outcome:
        """Do one call as this process; its error is an outcome."""
        try:
            return Outcome(0, self._calls[operation.call](operation.path, *operation.args))
        except OSError as error:
            return Outcome(error.errno or 0)

    def close(self) -> None:
        while self._held:
            os.close(self._held.popitem()[1])

    def _hold(self, path: str, slot: int) -> None:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        before, self._held[slot] = self._held.get(slot), opened
        if before is not None:
            os.close(before)

    def _fchmod(self, _: str, slot: int, mode: int) -> None:
        os.fchmod(self._descriptor(slot), mode)

    def _fstat(self, _: str, slot: int) -> tuple[str, ...]:
        """Mode, uid, gid and mtime in ns, as text."""
        status = os.fstat(self._descriptor(slot))
        numbers = (status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_mtime_ns)
        return tuple(map(str, numbers))

    def _descriptor(self, slot: int) -> int:
        if slot not in self._held:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._held[slot]


def _chmod(path: str, mode: int) -> None:
    """chmod(2) would change what a link leads to."""
    if os.path.islink(path):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    os.chmod(path, mode)


def _utimens(path: str, *times: int) -> None:
    """`times` are those of access and modification; none means now, which needs less permission."""
    if times:
        os.utime(path, ns=(times[0], times[1]), follow_symlinks=False)
    else:
        os.utime(path, follow_symlinks=False)


def _create(path: str, mode: int) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK)  # a fifo has no reader
    try:
        os.write(fd, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)


def _read(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if os.path.isdir(fd):
            os.listdir(fd)
        else:
            os.read(fd, 1)
    finally:
        os.close(fd)


def _setxattr(path: str, name: str, value: bytes | str) -> None:
    os.setxattr(path, name, value if isinstance(value, bytes) else os.fsencode(value), follow_symlinks=False)


def _getxattr(path: str, name: str) -> bytes:
    return os.getxattr(path, name, follow_symlinks=False)


def _listxattr(path: str) -> tuple[str, ...]:
    return tuple(sorted(os.listxattr(path, follow_symlinks=False)))


def _symlink(path: str, target: str) -> None:
    os.symlink(target, path)


def _link(path: str, to: str) -> None:
    os.link(path, to, follow_symlinks=False)


def _drop_caches(_: str) -> None:
    with open(_DROP_CACHES, "w", encoding="ascii") as file:
        file.write("2")


_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "chmod": _chmod,
    "chown": os.lchown,
    "utimens": _utimens,
    "mkdir": os.mkdir,
    "create": _create,
    "write": _write,
    "read": _read,
    "symlink": _symlink,
    "link": _link,
    "unlink": os.unlink,
    "rmdir": os.rmdir,
    "setxattr": _setxattr,
    "getxattr": _getxattr,
    "removexattr": partial(os.removexattr, follow_symlinks=False),
    "listxattr": _listxattr,
    "drop-caches": _drop_caches,
}
