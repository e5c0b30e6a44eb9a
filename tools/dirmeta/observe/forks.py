"""A forked copy of this process that answers requests: for other credentials, and for doing at once."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from typing import Final, Generic, NoReturn, TypeVar

_Q = TypeVar("_Q")
_A = TypeVar("_A")

_STOP: Final = None
"""A request that is none. Not the end of the pipe: forks made later hold it open too."""


class Fork(Generic[_Q, _A]):
    """One child; ask it, then have its answer. The asking process must have a single thread.

    prepare  what the child does first
    handle   what it does for each request; an OSError of either is raised where the answer is waited for
    """

    def __init__(self, prepare: Callable[[], None], handle: Callable[[_Q], _A]) -> None:
        requests, answers = os.pipe(), os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(requests[1])
            os.close(answers[0])
            _serve(prepare, handle, requests[0], answers[1])
        os.close(requests[0])
        os.close(answers[1])
        self._requests = os.fdopen(requests[1], "wb")
        self._answers = os.fdopen(answers[0], "rb")

    def ask(self, request: _Q) -> None:
        try:
            pickle.dump(request, self._requests)
            self._requests.flush()
        except BrokenPipeError as error:
            raise _gone() from error

    def answer(self) -> _A:
        """What was answered to the request asked first; waits for it."""
        try:
            error, value = pickle.load(self._answers)
        except EOFError as gone:
            raise _gone() from gone
        if error is not None:
            raise OSError(*error)
        answer: _A = value
        return answer

    def close(self) -> None:
        """End the child; what it has not answered yet is lost."""
        self._answers.close()
        try:
            pickle.dump(_STOP, self._requests)
            self._requests.close()
        except BrokenPipeError:
            pass
        finally:
            os.waitpid(self._pid, 0)


def _gone() -> OSError:
    return ChildProcessError(errno.ECHILD, "a forked helper process ended unexpectedly")


def _serve(prepare: Callable[[], None], handle: Callable[[_Q], _A], requests: int, answers: int) -> NoReturn:
    code = 1
    try:
        with os.fdopen(requests, "rb") as reading, os.fdopen(answers, "wb") as writing:
            failed, _ = _attempt(prepare)
            while (request := pickle.load(reading)) is not _STOP:
                pickle.dump((failed, None) if failed else _attempt(handle, request), writing)
                writing.flush()
        code = 0
    finally:
        os._exit(code)


def _attempt(function: Callable[..., _A], *args: object) -> tuple[tuple[object, ...] | None, _A | None]:
    """(what an OSError was made of, None) or (None, value)."""
    try:
        return None, function(*args)
    except OSError as error:
        return (error.errno, error.strerror or str(error), error.filename), None
