"""Messages to an agent, each behind its length: on a socket, or the virtio port of a virtual machine."""

from __future__ import annotations

import socket
import time

from dirmeta.labs.native.console import Console
from dirmeta.labs.native.ear import LENGTH, Ear, Late, Lost, check


class Port:
    """The host's end; `theirs` is the descriptor that the agent's side is given."""

    def __init__(self, console: Console) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.theirs = self._theirs.fileno()
        self._ear = Ear(self._ours.fileno(), console)

    def hand_over(self) -> None:
        """The agent has its end now; ours is closed, so that its end is noticed."""
        self._theirs.close()

    def wait(self, timeout: float) -> None:
        """Until it says that it is there. `timeout` in seconds. Raises Lost, Late."""
        self._ear.hear_length(time.monotonic() + timeout)

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """The answer to a request; `timeout` in seconds. Raises Lost, Late, LabError."""
        check(request)
        deadline = time.monotonic() + timeout
        self._ours.settimeout(timeout)
        try:
            self._ours.sendall(LENGTH.pack(len(request)) + request)
        except TimeoutError:
            raise Late from None
        except ConnectionError:
            raise Lost from None
        return self._ear.hear(self._ear.hear_length(deadline), deadline)

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()
