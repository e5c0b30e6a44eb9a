"""Deviations that a subject is known to have: which findings they explain, and what is out of date."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from dirmeta.judge.kinds import Kind, kinds
from dirmeta.judge.results import RuleResult, Witness
from dirmeta.model.stack import Case
from dirmeta.rules.findings import Finding


@dataclass
class Expected:
    """What is known of a subject, by rule.

    kinds      of its deviations
    witnesses  that show them, as they were done again on this lab
    stale      what the subject's file says that is no longer so; such a rule is not judged
    learning   whether what is not known is learned instead of held against the subject
    """

    kinds: dict[str, set[Kind]] = field(default_factory=dict)
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    learning: bool = False

    def explains(self, finding: Finding, case: Case) -> bool:
        """Whether all that a finding shows is known."""
        return finding.rule in self.kinds and self.knows(finding.rule, kinds(finding, case))

    def knows(self, rule: str, shown: Iterable[Kind]) -> bool:
        """Whether all of these are known of a rule."""
        known = self.kinds.get(rule, ())
        return all(any(each.covers(other) for each in known) for other in shown)

    def add(self, witness: Witness, shown: Collection[Kind]) -> None:
        """Know a deviation, by all that its witness shows."""
        self.kinds.setdefault(witness.rule, set()).update(shown)
        self.witnesses[witness.rule] = (*self.witnesses.get(witness.rule, ()), witness)

    def applied(self, result: RuleResult) -> RuleResult:
        """The result with what is known of its rule."""
        return replace(result, deviations=self.witnesses.get(result.rule, ()))
