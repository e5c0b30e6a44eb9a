"""Messages to a guest's agent: bytes in a file that both sides have, and a bell.

The guest sees the file as a block device; a request lies at its start, the answer in its second half. Each
is announced by its length in eight bytes on a serial line (see agent/wire.c).
"""

from __future__ import annotations

import os
import select
import struct
import time
from typing import Final

from dirmeta.labs.base import LabError
from dirmeta.labs.guest.console import Console

LENGTH: Final = struct.Struct("<Q")
_SIZE: Final = 512 << 20
_HALF: Final = _SIZE // 2
_LAST_WORDS: Final = 200
"""Milliseconds without a word after which a kernel that has panicked has said all."""


_LONGEST_WORDS: Final = 2.0
"""Seconds after which one that still talks is not listened to."""


class Lost(Exception):
    """The guest is gone."""


class Late(Exception):
    """The guest has not answered in time."""


class Ear:
    """Reads what a guest says on `fd`, and its console on the way: who has panicked is not waited for."""

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


class Wire:
    """The host's end, and the three descriptors that the guest is given.

    channel  the file; reads, writes  what the guest's serial line reads from and writes to
    """

    def __init__(self, console: Console) -> None:
        self.channel = os.memfd_create("wire")
        os.truncate(self.channel, _SIZE)
        self.reads, self._ring = os.pipe()
        self._bell, self.writes = os.pipe()
        self._ear = Ear(self._bell, console)

    def hand_over(self) -> None:
        """The guest has its ends now; ours are closed, so that its end is noticed."""
        for fd in (self.reads, self.writes):
            os.close(fd)
        self.reads = self.writes = -1

    def wait_for_guest(self, timeout: float) -> None:
        """Until it says that it is there. `timeout` in seconds. Raises Lost, Late."""
        self._ear.hear_length(time.monotonic() + timeout)

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """The answer to a request; `timeout` in seconds. Raises Lost, Late, LabError."""
        check(request)
        os.pwrite(self.channel, request, 0)
        try:
            os.write(self._ring, LENGTH.pack(len(request)))
        except BrokenPipeError:
            raise Lost from None
        return os.pread(self.channel, self._ear.hear_length(time.monotonic() + timeout), _HALF)

    def close(self) -> None:
        for fd in (self.channel, self._ring, self._bell, self.reads, self.writes):
            if fd >= 0:
                os.close(fd)


def check(request: bytes) -> None:
    """LabError where a request is longer than what the agent has room for."""
    if len(request) > _HALF:
        raise LabError(
            f"layers of {len(request) >> 20} MB are too large for a guest, which takes {_HALF >> 20} MB; "
            "use --kernel host"
        )
