"""Whether the cases of a shard meet the preconditions of the rules that they are to verify."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from typing import Final

from dirmeta.generate.features import features
from dirmeta.judge.results import Needs
from dirmeta.model.stack import Case
from dirmeta.rules.registry import Check

PLENTY: Final = 1.5
"""So many times what is needed is counted: what other shards of the family have too little of is met then."""


def met(case: Case, seen: object, asked: Set[str]) -> Set[str]:
    """Which of the features that are asked for a case has, or was seen to have."""
    sights: Set[str] = getattr(seen, "sights", frozenset())
    return features(case, asked) | (sights & asked)


class Coverage:
    """Counts the features of cases that checks need, each until there is plenty of it.

    planned  cases that there will be at most
    Cases that a subject refused count only for checks that judge refusals, or need nothing.
    """

    def __init__(self, checks: Iterable[Check] = (), planned: int = 0) -> None:
        self._refused = 0
        self._met: Counter[tuple[str, bool]] = Counter()
        self._lacking: dict[str, float] = {}
        for check in checks:
            for feature, share in check.needs.items():
                enough = max(1.0, PLENTY * share * planned)
                self._lacking[feature] = max(enough, self._lacking.get(feature, 0.0))

    def add(self, case: Case, seen: object, *, refused: bool) -> None:
        """One more case, and what was seen of it; `refused` where the subject did not unpack all of it."""
        self._refused += refused
        if not self._lacking:
            return
        for feature in met(case, seen, self._lacking.keys()):
            self._met[feature, refused] += 1
            if self._met[feature, False] >= self._lacking[feature]:
                del self._lacking[feature]

    def counted(self, check: Check, cases: int) -> int:
        """How many of so many cases count for a check."""
        return cases - self._refused if check.needs and not check.refusals else cases

    def of(self, check: Check) -> Needs:
        """How often each precondition of a check was met, and which share of the cases has to meet it."""
        return {
            feature: (self._met[feature, False] + self._met[feature, True] * check.refusals, share)
            for feature, share in check.needs.items()
        }
