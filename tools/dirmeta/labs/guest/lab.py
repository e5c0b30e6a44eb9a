"""A guest as a lab: jobs run on a kernel that was started for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

import msgpack

from dirmeta.labs import agent
from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.labs.guest.console import agent_failure, excerpt, trouble
from dirmeta.labs.guest.patience import JOB_TIMEOUT, Patience
from dirmeta.labs.guest.python import GuestPython
from dirmeta.labs.native import jobs as native
from dirmeta.labs.native import routes
from dirmeta.labs.native.console import Console
from dirmeta.labs.native.ear import Late, Lost
from dirmeta.observe import transport
from dirmeta.observe.steps import Job, Result, Unpack, UnpackTogether


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
        self._patience = Patience()
        self._batching = False
        self.left_out: Sequence[str] = ()
        self._python: GuestPython | None = None
        self._start()

    def _start(self) -> None:
        """Boot, and look around there."""
        self._guest = self._boot()
        try:
            self._start_python()
        except (Lost, Late) as error:
            raise self._misbehaved("lost" if isinstance(error, Lost) else "hang", JOB_TIMEOUT) from error
        except BaseException:
            self.close()
            raise

    def _start_python(self) -> GuestPython:
        self._python = GuestPython(self)
        welcome = self._python.call(JOB_TIMEOUT, agent.start, self._subject, self._backing, "")
        self.limits = welcome.limits._replace(caches=True)
        self.claims_feature, self.kernel, self.log_readable = welcome[1:4]
        self._remark = welcome.remark
        self.left_out = welcome.left_out
        self.exchange(native.leave_out(self.left_out), JOB_TIMEOUT)
        self._batching = msgpack.unpackb(self.exchange(native.BATCHING, JOB_TIMEOUT))
        assert self._guest is not None
        if trouble(news := self._guest.console.news())[0]:
            raise self._misbehaved("", JOB_TIMEOUT, news)
        return self._python

    @property
    def remark(self) -> str:
        batching = (
            "with the suite's batching system call, which is in arch/um alone" if self._batching else ""
        )
        return "; ".join(filter(None, (batching, self._remark)))

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """Raises Lost, Late."""
        assert self._guest is not None
        return self._guest.exchange(request, timeout)

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        """The results of each job. Raises LabError, Misbehaviour."""
        timeout = self._patience.seconds
        replaces = self._guest is None
        guest = self._guest = self._guest or self._boot()
        console = guest.console
        try:
            if replaces:
                self.exchange(native.leave_out(self.left_out), JOB_TIMEOUT)
            results = self._run(jobs, timeout)
        except (Lost, Late) as error:
            raise self._misbehaved("lost" if isinstance(error, Lost) else "hang", timeout) from error
        except LabError as error:  # what the executor in the guest died of may be the kernel's doing
            news = console.news()
            if trouble(news)[0]:
                raise self._misbehaved("", timeout, news) from error
            self.close()
            raise
        except BaseException:  # an interrupt leaves the exchange half done
            self.close()
            raise
        self._patience.answered()
        if (news := console.news()) and trouble(news)[0]:
            raise self._misbehaved("", timeout, news)
        return results

    def _run(self, jobs: Sequence[Job], timeout: float) -> list[list[Result]]:
        return routes.run(
            jobs,
            lambda request: self.exchange(request, timeout),
            lambda jobs: self.run_in_python(jobs, timeout),
        )

    def run_in_python(self, jobs: Sequence[Job], timeout: float = JOB_TIMEOUT) -> list[list[Result]]:
        """The same by the host lab's executor alone, running in the guest; raises Lost and Late too."""
        patience = getattr(self._subject, "timeout", 0.0)
        timeout += patience * sum(
            isinstance(step, Unpack | UnpackTogether) for job in jobs for step in job.steps
        )
        python = self._python or self._start_python()
        answers = python.call(timeout, agent.run, list(map(transport.flat_job, jobs)))
        return list(map(transport.results, answers))

    def _misbehaved(self, otherwise: str, timeout: float, news: str | None = None) -> Misbehaviour | LabError:
        """What the console tells, or else the way in which the guest was lost; the guest is gone then.

        A LabError where it was our own agent that gave up.
        """
        assert self._guest is not None
        text = self._guest.console.news() if news is None else news
        kind, line = trouble(text)
        if gave_up := agent_failure(text):
            self.close()
            return LabError(f"the guest's agent gave up: {gave_up}; use --kernel host for such a case")
        if otherwise == "hang":
            self._patience.hung()
        self.close()
        silent = f"no answer in {timeout:g} s" if otherwise == "hang" else "the guest ended"
        return Misbehaviour(kind or otherwise, line or silent, excerpt(text))

    def close(self) -> None:
        """End it; everything inside is gone when this returns."""
        self._python = None
        if self._guest is not None:
            self._guest.close()
            self._guest = None

    def __enter__(self) -> GuestLab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
