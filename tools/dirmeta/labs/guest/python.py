"""The host lab's executor, running in a guest: the same interpreter and files, on the guest's kernel."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from typing import Final, ParamSpec, Protocol, TypeVar

import msgpack

from dirmeta.labs.base import LabError
from dirmeta.sandbox import worker

_P = ParamSpec("_P")
_T = TypeVar("_T")

_READS, _WRITES = "3", "4"
"""Descriptors, as native/agent/python.c has them."""
_START_TIMEOUT: Final = 60.0


class Machine(Protocol):
    """The part of a guest that messages go through."""

    def exchange(self, request: bytes, timeout: float) -> bytes: ...


class GuestPython:
    """Calls functions in a guest, in a private world there, as a `Worker` does on the host."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        command = [*worker.command(), _READS, _WRITES]
        environment = [f"{name}={value}" for name, value in os.environ.items()]
        start = msgpack.packb("start", use_bin_type=True)
        start += msgpack.packb(command, unicode_errors="surrogateescape")
        start += msgpack.packb(environment, unicode_errors="surrogateescape")
        machine.exchange(start, _START_TIMEOUT)
        self._ask((sys.path, ()), _START_TIMEOUT)

    def call(self, timeout: float, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """`function` called inside. `timeout` in seconds. Raises LabError, and what the machine raises."""
        answer: _T = self._ask((function, args, kwargs), timeout)  # type: ignore[assignment]
        return answer

    def _ask(self, message: object, timeout: float) -> object:
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        answer = self._machine.exchange(msgpack.packb("python") + msgpack.packb(data), timeout)
        if not answer:
            raise LabError("the executor in the guest has ended; its console may say why")
        value, text, _ = pickle.loads(answer)
        if text:
            raise LabError(text)
        return value
