"""How fast the suite is, as figures that a noisy machine changes little, and what they are held to.

A benchmark is not a test: whether a target is reached is said, and nothing follows from it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from multiprocessing.connection import Connection
from statistics import median
from typing import Final, NamedTuple

from dirmeta.judge import processes
from dirmeta.judge.bench import Bench
from dirmeta.judge.figures import MERGE, Figure, judged, program_rate, whole_scope
from dirmeta.judge.opening import Wanted, open_bench, open_subject
from dirmeta.labs import bare
from dirmeta.labs.base import Lab, LabError
from dirmeta.labs.host import HostLab
from dirmeta.observe.steps import Job, Result
from dirmeta.sandbox.worker import Worker, WorkerError

UNPACK: Final = "unpack/test_wellformed::layers"
SCOPE: Final = "merge/test_small_scope::two_layers"
WORKERS: Final = 2
_JUDGED: Final = (0, 1, 4)
"""Exit statuses of a run that went through, whatever came of it."""
_SHORT: Final = 128
"""Cases between two looks at the clock, where workers are to end at the same time."""
_ROUNDS: Final = 3
"""Of each measurement at least, however short it is to be."""


def bench_of(profile: str = "quick") -> Bench:
    """A bench with the reference and the host. The caller closes its lab."""
    wanted = Wanted(profile=profile)  # type: ignore[arg-type]
    return open_bench(wanted, open_subject(wanted))


class Recorder:
    """A lab that remembers what it was asked and what it answered."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.limits, self.kernel = lab.limits, lab.kernel
        self.claims_feature, self.log_readable = lab.claims_feature, lab.log_readable
        self.remark = lab.remark
        self.done: list[tuple[Job, list[Result]]] = []

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        results = self._lab.run(jobs)
        self.done += zip(jobs, results, strict=True)
        return results

    def close(self) -> None:
        self._lab.close()


class Round(NamedTuple):
    """One shard, through the whole pipeline and as bare system calls.

    processor  seconds of processor time, of the drawing and the lab's process together
    """

    cases: int
    clock: float
    processor: float
    floor: bare.Took

    @property
    def times_floor(self) -> float:
        """By processor time: what others do on this machine changes it least, and waiting is in neither."""
        return self.processor / self.floor.processor


def rounds(family: str, seconds: float) -> list[Round]:
    """Measure a family and its floor in turns, each round on cases that are new."""
    bench = bench_of()
    lab = bench.lab
    assert isinstance(lab, HostLab)
    bench.lab = recorder = Recorder(lab)
    found: list[Round] = []
    try:
        with Worker() as worker:
            judged(family, bench)  # what the first cases have to load is no part of it
            deadline = time.monotonic() + seconds
            while len(found) < _ROUNDS or time.monotonic() < deadline:
                found.append(_round(family, bench, recorder, lab, worker))
    except WorkerError as error:
        raise LabError(str(error)) from error
    finally:
        lab.close()
    return found


def _round(family: str, bench: Bench, recorder: Recorder, lab: HostLab, worker: Worker) -> Round:
    recorder.done.clear()
    clock, processor = time.perf_counter(), time.process_time() + lab.processor_time()
    cases = judged(family, bench)
    clock = time.perf_counter() - clock
    processor = time.process_time() + lab.processor_time() - processor
    floor = worker.call(bare.run, [bare.calls(*done) for done in recorder.done])
    return Round(cases, clock, processor, floor)


def serve(connection: Connection) -> None:
    """A worker process: judges what both pipelines draw (see `processes.Serve`)."""
    bench = bench_of()
    bench.examples = _SHORT
    try:
        _rate(bench, 0.1)  # what the first cases have to load is no part of it
        connection.send(0.0)
        while seconds := connection.recv():
            connection.send(_rate(bench, seconds))
    finally:
        bench.lab.close()


def _rate(bench: Bench, seconds: float) -> float:
    """Cases a second, of both pipelines in turns."""
    began, cases = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < seconds:
        cases += judged(MERGE, bench) + judged(UNPACK, bench)
    return cases / took


class Benchmarks:
    """All measurements, each made once and when it is first asked for.

    seconds  for one measurement
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @cached_property
    def _merging(self) -> list[Round]:
        return rounds(MERGE, self.seconds)

    @cached_property
    def _unpacking(self) -> list[Round]:
        return rounds(UNPACK, self.seconds)

    @cached_property
    def _quick_run(self) -> processes.Watched:
        run = processes.watched(["run", "--profile", "quick", "-n", "auto"])
        if run.status not in _JUDGED:
            raise LabError(f"dirmeta run ended with status {run.status}; run it to see why")
        return run

    def floor(self) -> list[Figure]:
        """Bare system calls of the same cases."""
        return [_floor("merge", self._merging), _floor("unpack", self._unpacking)]

    def merge(self) -> list[Figure]:
        """Draw to verdict for cases that are laid out from the model."""
        return _against_floor("merge", self._merging, 600, 2.0)

    def unpack(self) -> list[Figure]:
        """Draw to verdict through tar and the reference unpacker."""
        return _against_floor("unpack", self._unpacking, 250, 4.0)

    def programs(self) -> list[Figure]:
        """Programs through a mount with an upper, judged after every operation."""
        bench = bench_of()
        try:
            return [program_rate("programs", bench, self.seconds, 200)]
        finally:
            bench.lab.close()

    def workers(self) -> list[Figure]:
        """Two worker processes against one, merging and unpacking."""
        gains = processes.gains(serve, WORKERS, self.seconds, _ROUNDS)
        return [Figure("workers", median(gains), "x, 2 against 1", 1.8, more=True, best=max(gains))]

    def scope(self) -> list[Figure]:
        """Every stack of two layers, on one core."""
        bench = bench_of("full")
        try:
            began = time.perf_counter()
            cases = whole_scope(SCOPE, bench)
            took = time.perf_counter() - began
        finally:
            bench.lab.close()
        return [Figure("scope", took, f"s for {cases} cases, one worker", 30)]

    def quick(self) -> list[Figure]:
        """The quick profile, with as many workers as there are processors."""
        return [Figure("quick", self._quick_run.seconds, "s", 30)]

    def memory(self) -> list[Figure]:
        """The largest process of that run."""
        return [Figure("memory", self._quick_run.peak / 2**20, "MB, largest process", 300)]


NAMES: Final = ("floor", "merge", "unpack", "programs", "workers", "scope", "quick", "memory")


def _floor(name: str, measured: Sequence[Round]) -> Figure:
    rates = [each.cases / each.floor.clock for each in measured]
    return Figure(f"floor {name}", median(rates), "cases/s", best=max(rates))


def _against_floor(name: str, measured: Sequence[Round], rate: float, times: float) -> list[Figure]:
    rates = [each.cases / each.clock for each in measured]
    ratios = [each.times_floor for each in measured]
    return [
        Figure(name, median(rates), "cases/s", rate, more=True, best=max(rates)),
        Figure(f"{name} : floor", median(ratios), "times as long", times, best=min(ratios)),
    ]
