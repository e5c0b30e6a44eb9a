"""A User Mode Linux guest: a kernel that is a program of the host, and boots from the host's own files.

It lives in a private world (see sandbox/namespace.py): it can write none of the host's files whatever it
does, its own files lie in memory there, and everything ends when that world does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from dirmeta.labs.base import LabError
from dirmeta.labs.guest.console import explanation
from dirmeta.labs.guest.wire import Wire
from dirmeta.labs.native import compiling, inside
from dirmeta.labs.native.console import Console
from dirmeta.labs.native.ear import Late, Lost
from dirmeta.sandbox.worker import START_TIMEOUT, Worker, WorkerError

BOOT_TIMEOUT: Final = 30.0
REASONS: Final = (
    (
        ("Unable to mount root fs", "Cannot open root device"),
        "it can not mount the host's files; it needs CONFIG_HOSTFS",
    ),
    (("devtmpfs can not be mounted",), "it has no devices; it needs CONFIG_DEVTMPFS"),
    (("the device for messages can not be opened",), "it needs CONFIG_BLK_DEV_UBD"),
    (("the line to the host can not be opened",), "it has no serial line; it needs CONFIG_SSL"),
)
"""What the console says, and what that means."""
MEMORY: Final = 1024
"""Megabytes, of which the guest takes what it touches."""


class Uml:
    """A booted guest.

    image     the program ``linux``
    name      what messages call it
    cpus      processors that it has; more than one takes a kernel built for it, and seccomp here
    pinned    those of the host that run it; none for all
    memory    in megabytes
    batching  use the batching system call where the kernel has it
    Raises LabError where it does not boot.
    """

    def __init__(
        self, image: str, name: str, *, cpus: int = 1, pinned: Collection[int] = (), batching: bool = True,
        memory: int = MEMORY,
    ) -> None:  # fmt: skip
        self._name = name
        agent = compiling.agent().read_bytes()
        self.console = Console()
        self._wire = wire = Wire(self.console)
        fds = (wire.channel, wire.reads, wire.writes)
        try:
            self._world = Worker(fds=(*fds, self.console.writing))
        except WorkerError as error:
            self._close_files()
            raise LabError(str(error)) from error
        try:
            command = _command(image, wire, cpus, memory, "batching" if batching else "plain")
            self._world.call_within(
                START_TIMEOUT, inside.boot, command, agent, fds, self.console.writing, pinned
            )
            wire.hand_over()
            self.console.hand_over()
            wire.wait_for_guest(BOOT_TIMEOUT)
        except (WorkerError, Lost, Late) as error:
            why = str(error) if isinstance(error, WorkerError) else explanation(self.console, REASONS)
            self.close()
            raise LabError(f"{name} does not boot: {why}") from error
        except BaseException:  # an interrupt
            self.close()
            raise
        self.console.news()

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """See `Wire.exchange`."""
        return self._wire.exchange(request, timeout)

    def close(self) -> None:
        """Kill it; nothing is left when this returns."""
        self._world.kill()
        self._close_files()

    def _close_files(self) -> None:
        self._wire.close()
        self.console.close()


def _command(image: str, wire: Wire, cpus: int, memory: int, calls: str) -> list[str]:
    several = [f"ncpus={cpus}", "seccomp=on"] if cpus > 1 else []  # they do not work with ptrace
    return [
        image, *several, f"mem={memory}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
        "uml_dir={scratch}/", "umid=guest", f"ubd0=/proc/self/fd/{wire.channel}",
        f"ssl0=fd:{wire.reads},fd:{wire.writes}", "con=null", "con0=null,fd:1", "loglevel=5",
        "init={scratch}/agent", "DEVICE=/dev/ubda", "LINE=/dev/ttyS0", f"CALLS={calls}",
    ]  # fmt: skip
