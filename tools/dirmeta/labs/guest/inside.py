"""What is done in the private world that a User Mode Linux guest lives in."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

from dirmeta.sandbox import serve

_guest: subprocess.Popen[bytes] | None = None


def boot(command: Sequence[str], agent: bytes, fds: Sequence[int], console: int, cpu: int | None) -> None:
    """Start a guest that runs `agent` as its first process. It ends with this world at the latest.

    command  program and arguments, with {scratch} for a directory of this world alone
    fds      descriptors that it keeps; they and `console` are closed here
    cpu      to be pinned to; a guest that wanders wakes the other processors at each of its system calls
    """
    global _guest  # noqa: PLW0603  a fact of the process
    place = serve.scratch()
    with open(f"{place}/agent", "wb") as file:
        file.write(agent)
    os.chmod(f"{place}/agent", 0o755)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    _guest = subprocess.Popen(
        [word.format(scratch=place) for word in command],
        pass_fds=fds, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
        env={**os.environ, "TMPDIR": place, "HOME": place},
    )  # fmt: skip
    for fd in {*fds, console}:
        os.close(fd)


def ended(timeout: float) -> int | None:
    """The exit status of the guest, None where it still runs after `timeout` seconds."""
    assert _guest is not None
    try:
        return _guest.wait(timeout)
    except subprocess.TimeoutExpired:
        return None


def stop() -> None:
    """Kill the guest and all its processes. This world's end does the same."""
    assert _guest is not None
    _guest.send_signal(signal.SIGKILL)
    _guest.wait()
