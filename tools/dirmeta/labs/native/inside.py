"""What is done in the private world that an agent, or a guest with one, lives in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Sequence

from dirmeta.sandbox import serve


def boot(
    command: Sequence[str], agent: bytes, fds: Sequence[int], console: int, pinned: Collection[int]
) -> None:
    """Start `agent`, or a guest that has it as its first process. It ends with this world at the latest.

    command  program and arguments, with {scratch} for a directory of this world alone
    fds      descriptors that it keeps; they and `console` are closed here
    pinned   the only processors that it may use, none for all; a guest that wanders wakes the others at each
             of its system calls
    """
    place = serve.scratch()
    with open(f"{place}/agent", "wb") as file:
        file.write(agent)
    os.chmod(f"{place}/agent", 0o755)
    if pinned:
        os.sched_setaffinity(0, pinned)
    subprocess.Popen(
        [word.replace("{scratch}", place) for word in command],
        pass_fds=fds, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
        env={**os.environ, "TMPDIR": place, "HOME": place},
    )  # fmt: skip
    for fd in {*fds, console}:
        os.close(fd)
