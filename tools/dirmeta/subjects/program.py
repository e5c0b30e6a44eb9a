"""Running a subject that is a program: confined, timed, with a canary beside its destination."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from dirmeta.observe.steps import Unpacked
from dirmeta.sandbox import confine
from dirmeta.sandbox.confine import Confined
from dirmeta.subjects.watch import watched

MEMORY: Final = 4 << 30
"""Bytes of address space; run-time systems reserve far more than they use."""


def environment(**more: str) -> dict[str, str]:
    """What a subject finds in its environment, whoever runs the suite."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/", "LANG": "C.UTF-8", **more}


def find(program: str) -> str:
    """The absolute path of a program, looked for as a shell does; "" where there is none to run."""
    found = shutil.which(program)
    return os.path.abspath(found) if found else ""


def unpack(
    argv: Sequence[str],
    dest: str,
    *,
    work: str,
    umask: int,
    env: Mapping[str, str],
    timeout: float,
    stdin: bytes | None = None,
) -> Unpacked:
    """Run a program that unpacks into `dest`. `work` holds `dest` and can be written by the program.

    Raises what `confine.run` raises where the confinement fails.
    """

    def run(canary: str) -> Unpacked:
        with _umask(umask):
            ended = confine.run(
                argv, dest=dest, canary=canary, env=env, timeout=timeout, memory=MEMORY, stdin=stdin
            )
        return _judge(ended, dest, timeout)

    return watched(work, run)


def _judge(ended: Confined, dest: str, timeout: float) -> Unpacked:
    if ended.cannot_start:
        return Unpacked(ended.status, ended.cannot_start, "cannot start")
    if ended.timed_out:
        return Unpacked(ended.status, f"killed after {timeout:g} s", "timeout")
    full = ended.status != 0 and confine.is_full(dest)
    return Unpacked(ended.status, _told(ended), "full" if full else "")


def _told(ended: Confined) -> str:
    """How a program ended, in words."""
    if not ended.status:
        return ended.stderr
    how = f"signal {-ended.status}" if ended.status < 0 else f"exit status {ended.status}"
    return f"{how}: {ended.stderr}" if ended.stderr else how


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
