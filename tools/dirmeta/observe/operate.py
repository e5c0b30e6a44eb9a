"""Single system calls through a mount, by whoever a program says."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from dirmeta.model.stack import Credentials
from dirmeta.observe.forks import Fork
from dirmeta.observe.kernel import Kernel
from dirmeta.observe.steps import Operate, Outcome

_ROOT: Final = Credentials()


class Actors:
    """Does operations: as this process for root, else by one forked child for each set of credentials."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._forks: dict[Credentials, Fork[Operate, Outcome]] = {}

    def do(self, operation: Operate) -> Outcome:
        """Raises OSError only where the credentials can not be had."""
        if operation.by == _ROOT:
            return operate(self._kernel, operation)
        fork = self._forks.get(operation.by)
        if fork is None:
            become = partial(self._kernel.become, operation.by)
            fork = self._forks[operation.by] = Fork(become, partial(operate, self._kernel))
        fork.ask(operation)
        return fork.answer()

    def close(self) -> None:
        while self._forks:
            self._forks.popitem()[1].close()


def operate(kernel: Kernel, operation: Operate) -> Outcome:
    """Do one call as this process; its error is an outcome."""
    call: Callable[..., Any] = kernel.access if operation.call == "access" else _CALLS[operation.call]
    try:
        return Outcome(0, call(operation.path, *operation.args))
    except OSError as error:
        return Outcome(error.errno or 0)


def _utimens(path: str, *times: int) -> None:
    """`times` are those of access and modification; none means now, which needs less permission."""
    if times:
        os.utime(path, ns=(times[0], times[1]))
    else:
        os.utime(path)


def _create(path: str, mode: int) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(fd, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)


def _setxattr(path: str, name: str, value: bytes | str) -> None:
    os.setxattr(path, name, value if isinstance(value, bytes) else os.fsencode(value))


def _getxattr(path: str, name: str) -> bytes:
    return os.getxattr(path, name)


def _listxattr(path: str) -> tuple[str, ...]:
    return tuple(sorted(os.listxattr(path)))


_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "chmod": os.chmod,
    "chown": os.chown,
    "utimens": _utimens,
    "mkdir": os.mkdir,
    "create": _create,
    "write": _write,
    "unlink": os.unlink,
    "rmdir": os.rmdir,
    "rename": os.rename,
    "setxattr": _setxattr,
    "getxattr": _getxattr,
    "removexattr": os.removexattr,
    "listxattr": _listxattr,
}
