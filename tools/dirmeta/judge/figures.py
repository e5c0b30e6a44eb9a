"""What a measurement gives, and the work that is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dirmeta.judge.bench import Bench
from dirmeta.judge.families import families
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard

MERGE: Final = "merge/test_source::source"
"""The family that stands for cases that are laid out from the model."""


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


def cases_of(results: Mapping[str, RuleResult]) -> int:
    return max(result.cases for result in results.values())


def whole_scope(name: str, bench: Bench) -> int:
    """Judge all cases of an exhaustive family, shard by shard; how many there were."""
    family = families()[name]
    return sum(
        cases_of(run_shard(family, name, shard, family.rules, bench)) for shard in range(family.shards)
    )
