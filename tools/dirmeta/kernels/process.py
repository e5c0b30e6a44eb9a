"""Programs that take long: their output line by line, and none left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from dirmeta.kernels.errors import KernelError

GRACE: Final = 10.0
"""Seconds that a program gets to end by itself once it has been told to."""

Listener = Callable[[str], None]
"""Is told each line, or each step of a build."""


def run(words: Sequence[str], listen: Listener, env: Mapping[str, str] | None = None) -> int:
    """Run a program with its children in a process group of their own; its exit status.

    listen  gets each line of stdout and stderr, without its end
    env     its environment, instead of this one
    When this is left by an exception, or this process is killed, the program is told to end; GNU make tells
    its children in turn.
    """
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**(os.environ if env is None else env), "LC_ALL": "C"},
        process_group=0,
        close_fds=False,  # only those that are to be inherited: the lock of a worktree
    )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            listen(line.decode("utf-8", "replace").rstrip("\n"))
        return child.wait()
    except BaseException:
        _end(child)
        raise
    finally:
        child.stdout.close()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Tell a process group to end; back when none of it holds the pipe that it wrote to."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def require(packages: Mapping[str, str], doing: str) -> None:
    """See that programs are installed. `packages`: program → the Debian package that has it.

    Raises KernelError that names all that are missing, with the line that installs them.
    """
    missing = dict.fromkeys(package for program, package in packages.items() if shutil.which(program) is None)
    if missing:
        *most, last = missing
        names = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        raise KernelError(f"{doing}: {names} missing; apt-get install {' '.join(missing)}")


def require_space(directory: Path, wanted: float) -> None:
    """See that there is room; `wanted` in gigabytes. Raises KernelError."""
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free / 1e9
    if free < wanted:
        raise no_space(directory, f"{wanted:g} GB are needed, {free:.1f} are free")


def no_space(directory: Path, why: str) -> KernelError:
    """The error that a file system is full."""
    return KernelError(f"{directory}: no space: {why}; make room, or set DIRMETA_CACHE to another directory")
