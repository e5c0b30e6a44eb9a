"""Measurements that take several processes: what a second worker gains, and what a whole run takes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from dirmeta.labs.base import LabError

_POLL = 0.05
"""Seconds between two looks at the processes of a run."""


class Watched(NamedTuple):
    """How long a command took, its exit status, and the peak memory of its largest process in bytes."""

    seconds: float
    status: int
    peak: int


def watched(command: Sequence[str]) -> Watched:
    """Run a `dirmeta` command to its end and watch it and all that it starts."""
    peak = 0
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "dirmeta", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            peak = max(peak, *map(_peak, _family_of(process.pid)))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL)
    return Watched(time.perf_counter() - began, process.returncode, peak)


def _family_of(pid: int) -> Iterator[int]:
    """A process and all that come from it, as far as they still are."""
    yield pid
    tasks = Path(f"/proc/{pid}/task")
    with contextlib.suppress(OSError):  # it may end at any moment
        for task in os.listdir(tasks):
            for child in _read(tasks / task / "children").split():
                yield from _family_of(int(child))


def _peak(pid: int) -> int:
    """Most memory that a process has had at once, in bytes; 0 where it has ended."""
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    found = [line for line in lines if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 if found else 0


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""


Serve = Callable[[Connection], None]
"""What a worker process runs: sends one number when it is ready, then for each number of seconds that it
receives works so long and sends its rate, and ends when it receives 0."""


def gains(serve: Serve, workers: int, seconds: float, rounds: int) -> list[float]:
    """How many times the rate of one worker several have together, round by round, `seconds` in all."""
    context = multiprocessing.get_context("spawn")
    ours, processes = [], []
    try:
        for _ in range(workers):
            mine, theirs = context.Pipe()
            ours.append(mine)
            processes.append(context.Process(target=serve, args=(theirs,), daemon=True))
            processes[-1].start()
            theirs.close()
        for each in ours:
            each.recv()
        share = seconds / rounds / 2
        return [_rate(ours, share) / _rate(ours[:1], share) for _ in range(rounds)]
    except EOFError:
        raise LabError("a worker process has ended early; measure something else to see why") from None
    finally:
        for each in ours:
            with contextlib.suppress(OSError):
                each.send(0.0)
        for process in processes:
            process.join()


def _rate(workers: Sequence[Connection], seconds: float) -> float:
    """The rates of workers that work at the same time, together."""
    for each in workers:
        each.send(seconds)
    return sum(float(each.recv()) for each in workers)
