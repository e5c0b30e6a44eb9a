"""Hearing what an agent answers: the length of a message in eight bytes, and on most lines the message."""

from __future__ import annotations

import os
import select
import struct
import time
from typing import Final

from dirmeta.labs.base import LabError
from dirmeta.labs.native.console import Console

LENGTH: Final = struct.Struct("<Q")
ROOM: Final = 256 << 20
"""Bytes that the agent has for a request, and for an answer."""
_LAST_WORDS: Final = 200
"""Milliseconds without a word after which a kernel that has panicked has said all."""
_LONGEST_WORDS: Final = 2.0
"""Seconds after which one that still talks is not listened to."""


class Lost(Exception):
    """The agent is gone."""


class Late(Exception):
    """The agent has not answered in time."""


class Ear:
    """Reads what an agent says on `fd`, and its console meanwhile: who has panicked is not waited for."""

    def __init__(self, fd: int, console: Console) -> None:
        self._fd = fd
        self._console = console
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._poll.register(console.reading, select.POLLIN)

    def hear(self, size: int, deadline: float) -> bytes:
        """So many bytes; `deadline` by the monotonic clock. Raises Lost, Late."""
        heard = bytearray()
        while len(heard) < size:
            left = deadline - time.monotonic()
            ready = [fd for fd, _ in self._poll.poll(max(0.0, left) * 1000)]
            if not ready or left < 0:
                raise Late
            if self._fd in ready:
                heard += self._read(size - len(heard))
            elif not self._console.read():
                raise Lost
            elif self._console.panicked():
                self._hear_last_words()
                raise Lost
        return bytes(heard)

    def hear_length(self, deadline: float) -> int:
        """How many bytes the next message has. Raises Lost, Late."""
        length: int = LENGTH.unpack(self.hear(LENGTH.size, deadline))[0]
        return length

    def _read(self, size: int) -> bytes:
        try:
            more = os.read(self._fd, size)
        except ConnectionError:  # a socket whose other end went without having read all
            raise Lost from None
        if not more:
            raise Lost
        return more

    def _hear_last_words(self) -> None:
        poll = select.poll()
        poll.register(self._console.reading, select.POLLIN)
        deadline = time.monotonic() + _LONGEST_WORDS
        while time.monotonic() < deadline and poll.poll(_LAST_WORDS) and self._console.read():
            pass


def check(request: bytes) -> None:
    """LabError where a request is longer than what the agent has room for."""
    if len(request) > ROOM:
        raise LabError(
            f"layers of {len(request) >> 20} MB are too large for a guest, which takes {ROOM >> 20} MB; "
            "use --kernel host"
        )
