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

_LENGTH: Final = struct.Struct("<Q")
_SIZE: Final = 128 << 20
_HALF: Final = _SIZE // 2


class Lost(Exception):
    """The guest is gone."""


class Late(Exception):
    """The guest has not answered in time."""


class Wire:
    """The host's end, and the three descriptors that the guest is given.

    channel  the file; reads, writes  what the guest's serial line reads from and writes to
    """

    def __init__(self) -> None:
        self.channel = os.memfd_create("wire")
        os.truncate(self.channel, _SIZE)
        self.reads, self._ring = os.pipe()
        self._bell, self.writes = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)

    def hand_over(self) -> None:
        """The guest has its ends now; ours are closed, so that its end is noticed."""
        os.close(self.reads)
        os.close(self.writes)

    def wait_for_guest(self, timeout: float) -> None:
        """Until it says that it is there. `timeout` in seconds. Raises Lost, Late."""
        self._hear(time.monotonic() + timeout)

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """The answer to a request; `timeout` in seconds. Raises Lost, Late; ValueError if it is too long."""
        if len(request) > _HALF:
            raise ValueError(f"a request of {len(request)} bytes is too long for a guest")
        os.pwrite(self.channel, request, 0)
        try:
            os.write(self._ring, _LENGTH.pack(len(request)))
        except BrokenPipeError:
            raise Lost from None
        return os.pread(self.channel, self._hear(time.monotonic() + timeout), _HALF)

    def _hear(self, deadline: float) -> int:
        heard = b""
        while len(heard) < _LENGTH.size:
            if not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise Late
            more = os.read(self._bell, _LENGTH.size - len(heard))
            if not more:
                raise Lost
            heard += more
        length: int = _LENGTH.unpack(heard)[0]
        return length

    def close(self) -> None:
        for fd in (self.channel, self._ring, self._bell):
            os.close(fd)
