"""The agent in C as a program in a private world, on the kernel that is running."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from dirmeta.labs.base import LabError
from dirmeta.labs.native import compiling, inside, jobs
from dirmeta.labs.native.console import Console, last_word
from dirmeta.labs.native.ear import Late, Lost
from dirmeta.labs.native.port import Port
from dirmeta.sandbox.worker import START_TIMEOUT, Worker, WorkerError

_CRASHED: Final = "it crashed"


@cache
def obstacle() -> str:
    """Why the agent can not be had here, nothing where it can; it is compiled where that has to be."""
    try:
        compiling.agent()
    except LabError as error:
        return str(error)
    return ""


class Program:
    """The agent, from `start` until its world ends; `fds` are to be given to that world.

    A message that is not answered raises LabError, and the world has to be ended then.
    """

    def __init__(self) -> None:
        self._console = Console()
        self._port = Port(self._console)

    @property
    def fds(self) -> tuple[int, int]:
        return self._port.theirs, self._console.writing

    def start(self, world: Worker, left_out: Sequence[str]) -> None:
        """In a world that has `fds`; see `jobs.leave_out`. Raises LabError."""
        line, console = self.fds
        command = ["env", "CALLS=plain", f"LINE={line}", "SCRATCH={scratch}/of-agent", "{scratch}/agent"]
        program = compiling.agent().read_bytes()
        try:
            world.call_within(START_TIMEOUT, inside.boot, command, program, (line,), console, ())
        except WorkerError as error:
            raise LabError(str(error)) from error
        self._port.hand_over()
        self._console.hand_over()
        try:
            self._port.wait(START_TIMEOUT)
        except (Lost, Late) as error:
            raise self._gone(error, START_TIMEOUT) from error
        self.exchange(jobs.leave_out(left_out), START_TIMEOUT)

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """The answer to a request; `timeout` in seconds. Raises LabError."""
        try:
            return self._port.exchange(request, timeout)
        except (Lost, Late) as error:
            raise self._gone(error, timeout) from error

    def processor_time(self) -> float:
        """Seconds that it has worked. Raises LabError."""
        return jobs.seconds(self.exchange(jobs.PROCESSOR_TIME, START_TIMEOUT))

    def _gone(self, error: Exception, timeout: float) -> LabError:
        if isinstance(error, Late):
            return LabError(f"the host lab's agent in C gave no answer in {timeout:g} s")
        return LabError(f"the host lab's agent in C gave up: {last_word(self._console.text()) or _CRASHED}")

    def close(self) -> None:
        """Of our ends; the agent itself ends with its world, or by this."""
        self._port.close()
        self._console.close()
