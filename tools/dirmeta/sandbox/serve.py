"""The inside of a worker: enters a private world and calls functions until its starter is gone."""

from __future__ import annotations

import os
import sys
from typing import Any

from dirmeta.sandbox import namespace
from dirmeta.sandbox.channel import Channel, Closed
from dirmeta.sandbox.errors import Obstacle

_scratch = ""


def main() -> None:
    """Serve on the two descriptors named on the command line."""
    channel = Channel(int(sys.argv[1]), int(sys.argv[2]))
    try:
        _enter(channel)
        while True:
            _send(channel, _answer(channel))
            _reap()
    except Closed:
        return


def scratch() -> str:
    """The directory that exists in this private world alone."""
    return _scratch


def _enter(channel: Channel) -> None:
    global _scratch  # noqa: PLW0603  a fact of the process
    path, writable = channel.receive()
    sys.path[:] = path
    try:
        _scratch = namespace.enter(writable)
    except Exception as error:
        channel.send((None, *_described(error)))
        sys.exit(1)
    channel.send((None, "", ""))


def _answer(channel: Channel) -> tuple[Any, str, str]:
    """(value, "", "") or (None, one line, traceback) for the next request."""
    try:
        function, args, kwargs = channel.receive()
        return function(*args, **kwargs), "", ""
    except Closed:
        raise
    except Exception as error:
        return None, *_described(error)


def _send(channel: Channel, answer: tuple[Any, str, str]) -> None:
    try:
        channel.send(answer)
    except Closed:
        raise
    except Exception as error:  # a value that can not be pickled
        channel.send((None, *_described(error)))


def _described(error: Exception) -> tuple[str, str]:
    import traceback  # noqa: PLC0415  costs more than all else here, and is seldom needed

    text = " ".join(str(error).split())
    if not isinstance(error, Obstacle):
        text = f"{type(error).__name__}: {text}"
    return text, "".join(traceback.format_exception(error))


def _reap() -> None:
    """Collect orphans, which end up here because this is pid 1."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
