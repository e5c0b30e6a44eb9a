"""Whether the cases of a shard meet the preconditions of the rules that they are to verify."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dirmeta.generate.features import features
from dirmeta.model.stack import Case
from dirmeta.rules.registry import Check


class Coverage:
    """Counts the features of cases that checks need, each until there are enough of it.

    planned  cases that there will be at most
    """

    def __init__(self, checks: Iterable[Check], planned: int) -> None:
        self._met: Counter[str] = Counter()
        self._lacking: dict[str, float] = {}
        for check in checks:
            for feature, share in check.needs.items():
                self._lacking[feature] = max(1.0, share * planned, self._lacking.get(feature, 0.0))

    def add(self, case: Case) -> None:
        if not self._lacking:
            return
        for feature in features(case) & self._lacking.keys():
            self._met[feature] += 1
            if self._met[feature] >= self._lacking[feature]:
                del self._lacking[feature]

    def unmet(self, check: Check, cases: int) -> str:
        """Which precondition of a check was met too seldom in so many cases, in words; or nothing."""
        for feature, share in check.needs.items():
            if self._met[feature] < max(1.0, share * cases):
                return f"{feature!r} in {self._met[feature]} of {cases} cases; {share:.0%} are needed"
        return "" if cases else "no case was drawn"
