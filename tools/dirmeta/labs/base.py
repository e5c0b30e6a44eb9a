"""What every lab is: a place where jobs are done on some kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dirmeta.model.limits import Limits
from dirmeta.observe.steps import Job, Result


class LabError(RuntimeError):
    """A lab that can not be had or is lost: one line that names the obstacle and the remedy."""


class Misbehaviour(Exception):
    """A kernel that did what no kernel may do, while it had a job.

    kind     panic, oops, bug, warning, lockdep, atomic sleep, hung task, KASAN, UBSAN, hang, lost
    line     the line of its console that says so
    excerpt  what the console had from there on
    """

    def __init__(self, kind: str, line: str, excerpt: tuple[str, ...]) -> None:
        super().__init__(f"the kernel misbehaved ({kind}): {line}")
        self.kind = kind
        self.line = line
        self.excerpt = excerpt


class Lab(Protocol):
    """A place where layers are unpacked and mounted.

    kernel          release of its kernel
    claims_feature  whether that kernel accepts the mount option dirmeta_delegate
    remark          what else is to be known of it, in words, or nothing
    log_readable    whether jobs may ask for its log
    """

    @property
    def kernel(self) -> str: ...

    @property
    def claims_feature(self) -> bool: ...

    @property
    def remark(self) -> str: ...

    @property
    def log_readable(self) -> bool: ...

    @property
    def limits(self) -> Limits: ...

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        """One list of results a job; the last is a `Failure` where a step could not be done.

        Raises LabError, Misbehaviour.
        """
        ...

    def close(self) -> None: ...
