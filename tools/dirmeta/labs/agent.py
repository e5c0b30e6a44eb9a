"""The host lab's inside: keeps the subject and the scratch space, and runs jobs."""

from __future__ import annotations

import atexit
import errno
import os
import resource
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from dirmeta.labs import mounts, powers
from dirmeta.labs.directory import ScratchError, require_xattrs
from dirmeta.labs.garbage import collect_seldom
from dirmeta.labs.kmsg import KernelLog
from dirmeta.labs.probe import probe
from dirmeta.labs.scratch import Places
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import Namespace
from dirmeta.observe import transport
from dirmeta.observe.executor import Executor
from dirmeta.observe.steps import Job, Result, Unpack, Unpacked
from dirmeta.observe.transport import FlatJob, FlatResult
from dirmeta.sandbox import credentials, serve, syscalls
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.sandbox.errors import Obstacle

_ON_TMPFS: Final = "overlayfs's xattrs on tmpfs take CONFIG_TMPFS_XATTR, and Linux 6.6 where they are user.*"


class Unpacks(Protocol):
    """The part of a subject that the lab calls."""

    def unpack(
        self, layer: bytes, dest: str, *, namespace: Namespace, delegate: bool, umask: int, work: str
    ) -> Unpacked: ...


class Welcome(NamedTuple):
    """What an agent says of its host once it has started.

    left_out  xattrs that a walk does not tell of
    remark    what else is to be known of it, or nothing
    """

    limits: Limits
    claims_feature: bool
    kernel: str
    log_readable: bool
    left_out: tuple[str, ...]
    remark: str = ""


class Calls:
    """The system calls an executor asks for."""

    statx = staticmethod(syscalls.statx)
    handle = staticmethod(syscalls.handle)
    entries = staticmethod(syscalls.entries)
    access = staticmethod(syscalls.access)
    rename = staticmethod(syscalls.rename)
    become = staticmethod(credentials.become)


class Agent:
    """One lab's state inside its private world."""

    def __init__(self, subject: Unpacks | None, backing: str, directory: str) -> None:
        self._subject = subject
        log = KernelLog()
        self._places = Places(serve.scratch(), log, directory)
        atexit.register(self._places.close)
        self._executor = Executor(self._places, self._unpack, Calls())
        self.welcome = self._look_around(backing, directory, log)

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return [self._executor.run(job) for job in jobs]

    def _look_around(self, backing: str, directory: str, log: KernelLog) -> Welcome:
        if directory:
            wanted = ["user.dirmeta", "trusted.dirmeta"] if _privileged() else ["user.dirmeta"]
            require_xattrs(directory, self._places.claimed, wanted)
        kinds = self._preferred(backing, directory)
        for position, kind in enumerate(kinds):
            limits, claims = self._probe(kind, kinds[position + 1 :])
            # tmpfs holds no user.* xattrs before 6.6, and cases are full of them.
            if "user" in limits.namespaces and (limits.trusted or not _privileged()):
                left_out = tuple(sorted(self._executor.left_out))
                remark = f"not on {kinds[0]}: {_ON_TMPFS}" if position else ""
                return Welcome(limits, claims, os.uname().release, log.readable, left_out, remark)
        raise ScratchError(
            f"no scratch space will do: {_ON_TMPFS}; give a directory on ext4, xfs or btrfs (--scratch DIR)"
        )

    def _preferred(self, backing: str, directory: str) -> list[str]:
        """Kinds of scratch directory, the one to try as the default first."""
        first = "directory" if directory else backing
        if first not in self._places.kinds:
            known = ", ".join(self._places.kinds)
            raise ScratchError(f"scratch space on {backing} can not be had here; there is {known}")
        return [first, *(kind for kind in self._places.kinds if kind != first)]

    def _probe(self, kind: str, others: Sequence[str]) -> tuple[Limits, bool]:
        with self._places(kind) as scratch:
            os.chdir(scratch.path)
            try:
                return probe((kind, *others)), mounts.accepts_feature()
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
                raise Obstacle("this kernel has no overlayfs; it needs CONFIG_OVERLAY_FS") from error
            finally:
                os.chdir("/")

    def _unpack(self, step: Unpack, dest: str, work: str) -> Unpacked:
        if self._subject is None:
            raise ValueError("a lab without a subject was asked to unpack")
        before = os.umask(step.umask)
        try:
            return self._subject.unpack(
                step.layer, dest,
                namespace=step.namespace, delegate=step.delegate, umask=step.umask, work=work,
            )  # fmt: skip
        finally:
            os.umask(before)


def _privileged() -> bool:
    """Whether trusted.* xattrs are to be expected: only the first user namespace may write them."""
    return not in_user_namespace()


_agent: Agent | None = None


def start(subject: Unpacks | None, backing: str, directory: str) -> Welcome:
    """Called first, and once. Raises Obstacle."""
    global _agent  # noqa: PLW0603  the state of this process
    powers.require()
    collect_seldom()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0)
    _agent = Agent(subject, backing, directory)
    return _agent.welcome


def run(jobs: Sequence[FlatJob]) -> list[list[FlatResult]]:
    """The results of each job, one a step; see `Executor.run`."""
    if _agent is None:
        raise RuntimeError("the agent was asked to run before it was started")
    todo = list(map(transport.job, jobs))
    return list(map(transport.flat_results, todo, _agent.run(todo)))
