"""Pickled messages between a process and the worker it started, over two pipes.

A message is its length in 8 bytes and the pickle. Both ends are programs of this package.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import select
import struct
import time
from typing import Any, Final

_LENGTH: Final = struct.Struct("<Q")
_PIPE_SIZE: Final = 1 << 20
"""Bytes the kernel buffers: fewer switches for trees of a few hundred nodes (the unprivileged maximum)."""


class Closed(Exception):
    """The other end is gone."""


class Late(Exception):
    """No whole message came in time."""


class Channel:
    """One end: where to read and where to write."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._poll = select.poll()
        self._poll.register(reading, select.POLLIN)

    def send(self, message: object) -> None:
        """Raises Closed, and whatever pickling raises (nothing is sent then)."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        view = memoryview(_LENGTH.pack(len(data)) + data)
        try:
            while view:
                view = view[os.write(self._writing, view) :]
        except BrokenPipeError as error:
            raise Closed from error

    def receive(self, timeout: float | None = None) -> Any:
        """The next message. `timeout` in seconds; raises Closed, Late, and what unpickling raises."""
        deadline = None if timeout is None else time.monotonic() + timeout
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))
        return pickle.loads(self._exactly(length, deadline))

    def _exactly(self, length: int, deadline: float | None) -> bytes:
        parts: list[bytes] = []
        while length:
            if deadline is not None and not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise Late
            part = os.read(self._reading, min(length, _PIPE_SIZE))
            if not part:
                raise Closed
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def finish(self) -> None:
        """Tell the other end that nothing more is coming."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def drain(self, timeout: float) -> None:
        """Wait until nobody holds the other end any more. Raises Late."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self._exactly(1, deadline)
        except Closed:
            return

    def close(self) -> None:
        self.finish()
        os.close(self._reading)


def widen(fd: int) -> None:
    """Give a pipe the largest buffer that anybody may have."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    except OSError:  # over the user's limit for pipes: slower, not wrong
        return
