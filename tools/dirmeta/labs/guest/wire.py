"""Messages to a guest's agent: bytes in a file that both sides have, and a bell.

The guest sees the file as a block device; a request lies at its start, the answer in its second half. Each
is announced by its length in eight bytes on a serial line (see native/agent/wire.c).
"""

from __future__ import annotations

import os
import time

from dirmeta.labs.native.console import Console
from dirmeta.labs.native.ear import LENGTH, ROOM, Ear, Lost, check


class Wire:
    """The host's end, and the three descriptors that the guest is given.

    channel  the file; reads, writes  what the guest's serial line reads from and writes to
    """

    def __init__(self, console: Console) -> None:
        self.channel = os.memfd_create("wire")
        os.truncate(self.channel, 2 * ROOM)
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
        return os.pread(self.channel, self._ear.hear_length(time.monotonic() + timeout), ROOM)

    def close(self) -> None:
        for fd in (self.channel, self._ring, self._bell, self.reads, self.writes):
            if fd >= 0:
                os.close(fd)
