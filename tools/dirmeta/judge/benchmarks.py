"""How fast the suite is, as figures that a noisy machine changes little, and what they are held to.

A benchmark is not a test: whether a target is reached is said, and nothing follows from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection
from statistics import median
from typing import Final

from dirmeta.judge import processes
from dirmeta.judge.bench import Bench
from dirmeta.judge.families import families
from dirmeta.judge.opening import Wanted, open_bench, open_subject
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard
from dirmeta.labs import bare
from dirmeta.labs.base import Lab
from dirmeta.observe.steps import Job, Result
from dirmeta.sandbox.worker import Worker

MERGE: Final = "merge/test_source::source"
UNPACK: Final = "unpack/test_wellformed::layers"
SCOPE: Final = "merge/test_small_scope::two_layers"
WORKERS: Final = 2
_ROUNDS: Final = 3
"""Of each measurement at least, however short it is to be."""


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    value    the median of all rounds; best: that of the best round
    target   None where there is none; `more` says on which side of it one wants to be
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    more: bool = False
    best: float | None = None

    @property
    def reached(self) -> bool:
        return self.target is None or (self.value >= self.target if self.more else self.value <= self.target)


def bench_of(profile: str = "quick") -> Bench:
    """A bench with the reference and the host. The caller closes its lab."""
    wanted = Wanted(profile=profile)  # type: ignore[arg-type]
    return open_bench(wanted, open_subject(wanted))


def judged(family: str, bench: Bench) -> int:
    """Draw, observe and judge the cases of one shard by all rules of a family; how many there were."""
    bench.seed += 1
    chosen = families()[family]
    return _cases(run_shard(chosen, family, 0, chosen.rules, bench))


def _cases(results: Mapping[str, RuleResult]) -> int:
    return max(result.cases for result in results.values())


class Recorder:
    """A lab that remembers what it was asked and what it answered."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.limits, self.kernel = lab.limits, lab.kernel
        self.claims_feature, self.log_readable = lab.claims_feature, lab.log_readable
        self.done: list[tuple[Job, list[Result]]] = []

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        results = self._lab.run(jobs)
        self.done += zip(jobs, results, strict=True)
        return results

    def close(self) -> None:
        self._lab.close()


@dataclass(frozen=True)
class Pipeline:
    """Cases a second, round by round: through the whole pipeline, and as bare system calls."""

    rates: tuple[float, ...]
    floors: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        return [floor / rate for rate, floor in zip(self.rates, self.floors, strict=True)]


def pipeline(family: str, seconds: float) -> Pipeline:
    """Measure a family and its floor in turns, each round on cases that are new."""
    bench = bench_of()
    recorder = Recorder(bench.lab)
    bench.lab = recorder
    rates: list[float] = []
    floors: list[float] = []
    try:
        with Worker() as worker:
            judged(family, bench)  # what the first cases have to load is no part of it
            deadline = time.monotonic() + seconds
            while len(rates) < _ROUNDS or time.monotonic() < deadline:
                recorder.done.clear()
                began = time.perf_counter()
                cases = judged(family, bench)
                rates.append(cases / (time.perf_counter() - began))
                floors.append(cases / worker.call(bare.run, [bare.calls(*done) for done in recorder.done]))
    finally:
        recorder.close()
    return Pipeline(tuple(rates), tuple(floors))


def serve(connection: Connection) -> None:
    """A worker process: judges what both pipelines draw (see `processes.Serve`)."""
    bench = bench_of()
    try:
        judged(MERGE, bench), judged(UNPACK, bench)
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
    def _merging(self) -> Pipeline:
        return pipeline(MERGE, self.seconds)

    @cached_property
    def _unpacking(self) -> Pipeline:
        return pipeline(UNPACK, self.seconds)

    @cached_property
    def _quick_run(self) -> processes.Watched:
        return processes.watched(["run", "--profile", "quick", "-n", "auto"])

    def floor(self) -> list[Figure]:
        """Bare system calls of the same cases."""
        pairs = (("merge", self._merging), ("unpack", self._unpacking))
        return [
            Figure(f"floor {name}", median(each.floors), "cases/s", best=max(each.floors))
            for name, each in pairs
        ]

    def merge(self) -> list[Figure]:
        """Draw to verdict for cases that are laid out from the model."""
        return _against_floor("merge", self._merging, 600, 2.0)

    def unpack(self) -> list[Figure]:
        """Draw to verdict through tar and the reference unpacker."""
        return _against_floor("unpack", self._unpacking, 250, 4.0)

    def workers(self) -> list[Figure]:
        """Two worker processes against one, merging and unpacking."""
        gains = processes.gains(serve, WORKERS, self.seconds, _ROUNDS)
        return [Figure("workers", median(gains), "x, 2 against 1", 1.8, more=True, best=max(gains))]

    def scope(self) -> list[Figure]:
        """Every stack of two layers, on one core."""
        bench = bench_of("full")
        try:
            family = families()[SCOPE]
            began = time.perf_counter()
            cases = sum(
                _cases(run_shard(family, SCOPE, shard, family.rules, bench)) for shard in range(family.shards)
            )
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


NAMES: Final = ("floor", "merge", "unpack", "workers", "scope", "quick", "memory")


def measurement(benchmarks: Benchmarks, name: str) -> Callable[[], list[Figure]]:
    """The method for one of `NAMES`."""
    found: Callable[[], list[Figure]] = getattr(benchmarks, name)
    return found


def _against_floor(name: str, measured: Pipeline, rate: float, ratio: float) -> list[Figure]:
    ratios = measured.ratios
    return [
        Figure(name, median(measured.rates), "cases/s", rate, more=True, best=max(measured.rates)),
        Figure(f"{name} : floor", median(ratios), "times as long", ratio, best=min(ratios)),
    ]
