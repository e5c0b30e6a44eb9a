"""A family: rules that are judged on the same drawn cases by the same experiment."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dirmeta.generate.reduce import reduce
from dirmeta.judge.draw import Draws, Scope
from dirmeta.judge.experiments import Experiment
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case
from dirmeta.rules.registry import CHECKS, Check
from dirmeta.rules.seen import StackSeen

PACK = 16
"""Cases that share one set of layers and one mount: nearly all of the gain, and a short re-run."""


@dataclass(frozen=True)
class Family:
    """What is drawn, how it is looked at, and which rules judge it.

    draws   batches from Hypothesis, or a finite scope that is gone through
    sees    the record of `rules/seen.py` that the experiment returns
    cases   how many are drawn in the quick profile, over all shards; of a scope the full one takes all
    pack    how many of them share one experiment; 1 for cases that can not share
    shards  pytest items a rule has; fixed, so that reports do not depend on the number of workers
    shaped  draws layers that are not well formed, for the rules that name their shape
    namespaces  in which it can be drawn
    both    whether it takes a lab that can mount in both namespaces
    lacks   why its cases can not be done within such limits, or nothing
    misses  what else should have been asked for the rules to be verified, and was not to be had; or nothing
    origin  where its cases come from, for witnesses; or nothing
    """

    rules: tuple[str, ...]
    draws: Draws | Scope
    does: Experiment
    sees: type = StackSeen
    cases: int = 320
    pack: int = PACK
    shards: int = 1
    shaped: bool = False
    namespaces: tuple[Namespace, ...] = ("trusted", "user")
    both: bool = False
    lacks: Callable[[Limits], str] = lambda limits: ""
    misses: Callable[[], str] = lambda: ""
    origin: str = ""

    def __post_init__(self) -> None:
        for rule in self.rules:
            if (rule, self.sees) not in CHECKS:
                raise ValueError(f"{rule} has no check on {self.sees.__name__}")

    @property
    def unpacks(self) -> bool:
        """Whether a subject has a part in it."""
        return any(rule.startswith(("UNPACK-", "PARITY-")) for rule in self.rules)

    def check(self, rule: str) -> Check:
        return CHECKS[rule, self.sees]

    def reduce(self, case: Case, still_fails: Callable[[Case], bool]) -> None:
        """Try smaller cases for as long as they fail; the last that did is the witness."""
        reduce(case, still_fails)


def family(*rules: str, **how: Any) -> Family:
    """Declare a family in a suite file, where the plugin finds it; `how` is the fields of `Family`."""
    return Family(rules, **how)


def seed_of(name: str, shard: int, run: int = 0) -> int:
    """The seed of a shard: the same on every machine and in every run with the same number."""
    return zlib.crc32(f"{name}#{shard}#{run}".encode())
