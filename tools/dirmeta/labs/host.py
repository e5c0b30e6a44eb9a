"""The host as a lab: jobs run in a private world on the kernel that is running."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from dirmeta.labs import agent
from dirmeta.labs.base import LabError
from dirmeta.labs.native import routes
from dirmeta.labs.native.program import Program, obstacle
from dirmeta.observe import transport
from dirmeta.observe.steps import Job, Result, Unpack, UnpackTogether
from dirmeta.sandbox.worker import START_TIMEOUT, Worker, WorkerError

JOB_TIMEOUT: Final = 120.0
"""Seconds for all jobs of one call."""


class HostLab:
    """Runs from when it is made until `close`; see `labs.base.Lab` for what it tells.

    subject    what unpacks; None for a lab that only lays out and mounts
    backing    the default kind of scratch directory; tmpfs gives way to what can hold the xattrs
    directory  scratch space of the user's, which then is the default kind
    Raises LabError, whose cause has the traceback from inside as `details`. After a LabError or an
    interrupt the next `run` starts it anew.
    """

    def __init__(
        self, subject: agent.Unpacks | None = None, *, backing: str = "tmpfs", directory: str | None = None
    ) -> None:
        self._subject = subject
        self._backing = backing
        self._directory = os.path.realpath(directory) if directory else ""
        self._native: Program | None = None
        self._start()

    def _start(self) -> None:
        if self._directory and not os.path.isdir(self._directory):
            raise LabError(f"{self._directory}: no such directory; give one that exists")
        self._close_native()
        if not obstacle():
            self._native = Program()
        try:
            self._worker = Worker(
                writable=[self._directory] if self._directory else [],
                fds=self._native.fds if self._native else (),
            )
        except WorkerError as error:
            self._close_native()
            raise LabError(str(error)) from error
        try:
            welcome = self._worker.call_within(
                START_TIMEOUT, agent.start, self._subject, self._backing, self._directory
            )
            if self._native:
                self._native.start(self._worker, welcome.left_out)
        except WorkerError as error:
            self.close()
            raise LabError(str(error)) from error
        except BaseException:
            self.close()
            raise
        self.limits, self.claims_feature, self.kernel, self.log_readable, _, self._remark = welcome

    @property
    def remark(self) -> str:
        """Why it is slow, where it is, and what the lab inside says."""
        slow = f"slower, in Python alone: {why}" if (why := obstacle()) else ""
        return "; ".join(filter(None, (slow, self._remark)))

    def run(self, jobs: Sequence[Job], timeout: float = JOB_TIMEOUT) -> list[list[Result]]:
        """The results of each job, one a step, a `Failure` last where a step could not be done.

        timeout  seconds for all jobs together, beside what the subject may take. Raises LabError.
        """
        if not self._worker.alive:
            self._start()
        if not self._native:
            return self.run_in_python(jobs, timeout)
        native = self._native
        return routes.run(
            jobs,
            lambda request: self._exchange(native, request, timeout),
            lambda jobs: self.run_in_python(jobs, timeout),
        )

    def _exchange(self, native: Program, request: bytes, timeout: float) -> bytes:
        try:
            return native.exchange(request, timeout)
        except BaseException:  # an interrupt, too, leaves the exchange half done
            self._worker.kill()
            self._close_native()
            raise

    def run_in_python(self, jobs: Sequence[Job], timeout: float = JOB_TIMEOUT) -> list[list[Result]]:
        """The same by the executor in Python alone."""
        patience = getattr(self._subject, "timeout", 0.0)
        timeout += patience * sum(
            isinstance(step, Unpack | UnpackTogether) for job in jobs for step in job.steps
        )
        try:
            answers = self._worker.call_within(timeout, agent.run, list(map(transport.flat_job, jobs)))
        except WorkerError as error:
            raise LabError(str(error)) from error
        return list(map(transport.results, answers))

    def processor_time(self) -> float:
        """Seconds that the agents have worked, without the programs they have run. Raises LabError."""
        try:
            python = self._worker.call(time.process_time)
        except WorkerError as error:
            raise LabError(str(error)) from error
        return python + (self._native.processor_time() if self._native else 0.0)

    def close(self) -> None:
        """End it; everything inside is gone when this returns."""
        self._worker.close()
        self._close_native()

    def _close_native(self) -> None:
        if self._native:
            self._native.close()
            self._native = None

    def __enter__(self) -> HostLab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
