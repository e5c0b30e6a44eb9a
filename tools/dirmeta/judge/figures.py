"""What a measurement gives, and the work that is measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from dirmeta.judge.bench import Bench
from dirmeta.judge.draw import Batch, Scope, feed
from dirmeta.judge.experiments import observe
from dirmeta.judge.families import families
from dirmeta.judge.family import Family, seed_of
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard
from dirmeta.model.stack import Case
from dirmeta.rules.registry import Trial
from dirmeta.rules.writing import broken

MERGE: Final = "merge/test_source::source"
"""The family that stands for cases that are laid out from the model."""
PROGRAMS: Final = "copyup/test_copyup::fresh"
"""The one that stands for programs."""
_PROGRAM: Final = 50
"""Operations that a program is reckoned as."""
_BATCHES: Final = 8
_ROUNDS: Final = 3


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


def judged(family: str, bench: Bench) -> int:
    """Draw, observe and judge the cases of one shard by all rules of a family; how many there were."""
    bench.seed += 1
    chosen = families()[family]
    return cases_of(run_shard(chosen, family, 0, chosen.rules, bench))


def from_model(family: str, bench: Bench) -> tuple[int, float]:
    """Judge the cases of one shard, which were drawn before; how many there were, and the seconds it took."""
    bench.seed += 1
    chosen = families()[family]
    cases = _drawn(chosen, family, bench)
    given = replace(chosen, draws=Scope(lambda limits: cases), shards=1)
    began = time.perf_counter()
    results = run_shard(given, family, 0, given.rules, replace(bench, profile="full"))
    return cases_of(results), time.perf_counter() - began


def _drawn(family: Family, name: str, bench: Bench) -> list[Case]:
    limits, wanted = bench.limits, bench.cases(family)
    if isinstance(family.draws, Scope):
        stride = bench.stride(family.draws.size(limits), family)
        every = family.draws.every(limits)
        return [every[index] for index in range(0, len(every), family.shards * stride)]
    cases: list[Case] = []
    feed(family.draws(limits, family.pack), wanted // family.pack, seed_of(name, 0, bench.seed), cases.extend)
    return cases


def cases_of(results: Mapping[str, RuleResult]) -> int:
    return max(result.cases for result in results.values())


def whole_scope(name: str, bench: Bench) -> int:
    """Judge all cases of an exhaustive family, shard by shard; how many there were."""
    family = families()[name]
    return sum(
        cases_of(run_shard(family, name, shard, family.rules, bench)) for shard in range(family.shards)
    )


def program_rate(name: str, bench: Bench, seconds: float, target: float) -> Figure:
    """How many programs of `_PROGRAM` operations are drawn, run and judged after each, a minute."""
    rates: list[float] = []
    _operations(bench)  # what the first cases have to load is no part of it
    deadline = time.monotonic() + seconds
    while len(rates) < _ROUNDS or time.monotonic() < deadline:
        began = time.perf_counter()
        operations = _operations(bench)
        rates.append(60 * operations / _PROGRAM / (time.perf_counter() - began))
    unit = f"programs of {_PROGRAM} operations a minute"
    return Figure(name, median(rates), unit, target, more=True, best=max(rates))


def _operations(bench: Bench) -> int:
    """Judge some drawn programs; how many operations they had."""
    bench.seed += 1
    family = families()[PROGRAMS]
    assert not isinstance(family.draws, Scope)
    done = 0

    def judge(batch: Batch) -> None:
        nonlocal done
        for case in batch:
            trial = Trial(case, observe(family.does, case, bench.conditions, bench.lab), bench.terms)
            broken(trial)
            done += len(case.program)

    feed(family.draws(bench.limits, 1), _BATCHES, seed_of(PROGRAMS, 0, bench.seed), judge)
    return done
