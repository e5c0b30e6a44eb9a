"""A guest as a lab: jobs run on a kernel that was started for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol

from dirmeta.labs import agent
from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.labs.guest import jobs as fast
from dirmeta.labs.guest.console import Console, excerpt, trouble
from dirmeta.labs.guest.python import GuestPython
from dirmeta.labs.guest.wire import Late, Lost
from dirmeta.observe import transport
from dirmeta.observe.steps import Failure, Job, Result, Unpack, UnpackTogether

JOB_TIMEOUT: Final = 60.0
"""Seconds for the jobs of one call; a guest that takes longer hangs."""


class Guest(Protocol):
    """A booted kernel with the agent."""

    console: Console

    def exchange(self, request: bytes, timeout: float) -> bytes: ...

    def close(self) -> None: ...


class GuestLab:
    """Runs from when it is made until `close`; see `labs.base.Lab` for what it tells.

    boot     starts a guest; called again where one was lost
    subject  what unpacks, in the guest; None for a lab that only lays out and mounts
    backing  the default kind of scratch directory
    Raises LabError. A kernel that misbehaves raises Misbehaviour, and the next `run` has a new one.
    """

    def __init__(
        self, boot: Callable[[], Guest], subject: agent.Unpacks | None = None, *, backing: str = "tmpfs"
    ) -> None:
        self._boot = boot
        self._subject = subject
        self._backing = backing
        self._guest: Guest | None = None
        self._start()

    def _start(self) -> None:
        self._guest = guest = self._boot()
        try:
            self._python = GuestPython(self)
            welcome = self._python.call(JOB_TIMEOUT, agent.start, self._subject, self._backing, "")
        except (Lost, Late) as error:
            why = guest.console.last_lines()
            self.close()
            raise LabError(f"the guest was lost while it started: {why}") from error
        except BaseException:
            self.close()
            raise
        self.limits, self.claims_feature, self.kernel, self.log_readable = welcome

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """Raises Lost, Late."""
        assert self._guest is not None
        return self._guest.exchange(request, timeout)

    def run(self, jobs: Sequence[Job], timeout: float = JOB_TIMEOUT) -> list[list[Result]]:
        """The results of each job. `timeout` in seconds, beside what the subject may take.

        Raises LabError, Misbehaviour.
        """
        if self._guest is None:
            self._start()
        console = self._guest.console  # type: ignore[union-attr]  # started just now
        try:
            results = self._run(jobs, timeout)
        except (Lost, Late) as error:
            raise self._misbehaved("lost" if isinstance(error, Lost) else "hang", timeout) from error
        except BaseException:  # an interrupt leaves the exchange half done
            self.close()
            raise
        if (news := console.news()) and trouble(news)[0]:
            raise self._misbehaved("", timeout, news)
        return results

    def _run(self, jobs: Sequence[Job], timeout: float) -> list[list[Result]]:
        if not all(map(fast.takes, jobs)):
            return self._run_in_python(jobs, timeout)
        found = fast.answers(jobs, self.exchange(fast.request(jobs), timeout))
        return [
            self._explained(job, each, timeout) if isinstance(each, int) else each
            for job, each in zip(jobs, found, strict=True)
        ]

    def _run_in_python(self, jobs: Sequence[Job], timeout: float) -> list[list[Result]]:
        patience = getattr(self._subject, "timeout", 0.0)
        timeout += patience * sum(
            isinstance(step, Unpack | UnpackTogether) for job in jobs for step in job.steps
        )
        answers = self._python.call(timeout, agent.run, list(map(transport.flat_job, jobs)))
        return list(map(transport.results, answers))

    def _explained(self, job: Job, errno: int, timeout: float) -> list[Result]:
        """A job that failed, done again by the executor in Python, which knows what to say of it."""
        [results] = self._run_in_python([job], timeout)
        if results and isinstance(results[-1], Failure):
            return results
        raise LabError(f"a job failed in the guest (errno {errno}), and did not when it was done again")

    def _misbehaved(self, otherwise: str, timeout: float, news: str | None = None) -> Misbehaviour:
        """What the console tells, or else the way in which the guest was lost; the guest is gone then."""
        assert self._guest is not None
        text = self._guest.console.news() if news is None else news
        kind, line = trouble(text)
        self.close()
        silent = f"no answer in {timeout:g} s" if otherwise == "hang" else "the guest ended"
        return Misbehaviour(kind or otherwise, line or silent, excerpt(text))

    def close(self) -> None:
        """End it; everything inside is gone when this returns."""
        if self._guest is not None:
            self._guest.close()
            self._guest = None

    def __enter__(self) -> GuestLab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
