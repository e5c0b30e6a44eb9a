"""A fresh interpreter inside a private world that calls functions for the process that started it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

import dirmeta
from dirmeta.sandbox import namespace
from dirmeta.sandbox.channel import Channel, Closed, Late, widen

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PACKAGES: Final = str(Path(dirmeta.__file__).parent.parent)
_INSIDE: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from dirmeta.sandbox import serve; serve.main()"
)
START_TIMEOUT: Final = 60.0
_STOP_TIMEOUT: Final = 10.0
_STDERR_TAIL: Final = 1 << 13


def command() -> list[str]:
    """The program that serves inside; two descriptors, to read from and to write to, are to follow."""
    return [sys.executable, "-c", _INSIDE, _PACKAGES]


class WorkerError(RuntimeError):
    """A call that was not answered with a value; the text is one line.

    details  the traceback from inside, where there is one
    """

    def __init__(self, text: str, details: str = "") -> None:
        super().__init__(text)
        self.details = details


class Worker:
    """The private world, seen from outside. Ends with its starter, however that one ends.

    writable  directories of the host that can be written from inside
    fds       descriptors that are open inside too
    Raises WorkerError where a world can not be had.
    """

    def __init__(self, writable: Sequence[str] = (), fds: Sequence[int] = ()) -> None:
        requests, answers = os.pipe(), os.pipe()
        widen(requests[1])
        widen(answers[1])
        self._stderr = os.memfd_create("stderr")
        try:
            self._process = subprocess.Popen(
                [*command(), str(requests[0]), str(answers[1])],
                pass_fds=(requests[0], answers[1], *fds),
                stdin=subprocess.DEVNULL, stdout=self._stderr, stderr=self._stderr,
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(requests[0])
            os.close(answers[1])
        self._channel = Channel(answers[0], requests[1])
        self.alive = True
        self._exchange((sys.path, tuple(writable)), START_TIMEOUT)

    @property
    def pid(self) -> int:
        """The process outside that waits for the one inside."""
        return self._process.pid

    def call(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """`function` called inside; it, its arguments and its value can be pickled."""
        return self.call_within(None, function, *args, **kwargs)

    def call_within(
        self, timeout: float | None, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """The same, with the worker killed after `timeout` seconds. Raises WorkerError."""
        answer: _T = self._exchange((function, args, kwargs), timeout)  # type: ignore[assignment]
        return answer

    def _exchange(self, message: object, timeout: float | None) -> object:
        if not self.alive:
            raise WorkerError("the process in the private world has ended; start another")
        try:
            self._channel.send(message)
            value, text, details = self._channel.receive(timeout)
        except Closed:
            raise WorkerError(self._obituary()) from None
        except Late:
            self.kill()
            raise WorkerError(f"the process in the private world gave no answer in {timeout:g} s") from None
        except BaseException:  # an interrupt leaves the exchange half done
            self.kill()
            raise
        if text:
            raise WorkerError(text, details)
        return value

    def _obituary(self) -> str:
        """How the worker ended, and its last line."""
        code = self._process.wait(_STOP_TIMEOUT)
        last = self.stderr_tail().strip().rpartition("\n")[2]
        self.kill()
        number = code - namespace.SIGNALLED
        how = f"by signal {number}" if number > 0 else f"with status {code}"
        return f"the process in the private world ended {how}" + (f": {last}" if last else "")

    def stderr_tail(self) -> str:
        """The last that the worker wrote to stdout or stderr."""
        size = os.fstat(self._stderr).st_size
        return os.pread(self._stderr, _STDERR_TAIL, max(0, size - _STDERR_TAIL)).decode(errors="replace")

    def kill(self) -> None:
        """End everything inside at once."""
        if self.alive:
            self.alive = False
            self._process.kill()
            self._finish()

    def close(self) -> None:
        """Let the worker end by itself, which lets it clean up; kill it where it takes too long."""
        if not self.alive:
            return
        try:
            self._channel.finish()
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def _finish(self) -> None:
        """Return when the last process inside is gone."""
        self._process.wait()
        with suppress(Late):
            self._channel.drain(_STOP_TIMEOUT)
        self._channel.close()
        os.close(self._stderr)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
