"""The diff directories that engines leave, judged by the UNPACK rules on the named cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dirmeta.generate.features import features
from dirmeta.judge.expected import Expected
from dirmeta.judge.results import RuleResult, Verdict, Witness, together
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.rules import unpack
from dirmeta.rules.catalogue import Rule, catalogue
from dirmeta.rules.findings import Finding
from dirmeta.rules.registry import CHECKS, Check, Terms, Trial
from dirmeta.rules.seen import LayerSeen, StackSeen
from dirmeta.subjects.engines.base import Traits

CLAIMS: Final = frozenset(("whiteouts",))
"""What an engine with diff directories claims of them."""
FAMILY: Final = unpack.__name__.rpartition(".")[2].upper()

Tell = Callable[[Finding, Case], Witness]


def trial_of(case: Case, layers: Sequence[Tree], traits: Traits) -> Trial | None:
    """What there is to judge of a case; None where its diff directories are not known.

    layers  the diff directories, lowest first
    """
    if len(layers) != len(case.stack):
        return None
    terms = Terms(claims=CLAIMS, keeps=traits.keeps)
    return Trial(case, StackSeen(tuple(map(LayerSeen, layers))), terms)


def findings(trial: Trial) -> Iterator[Finding]:
    """All by which diff directories break rules that fail, expected or not."""
    for rule, check in _checks():
        if _missed(rule) == "fail" and not rule.lacks(CLAIMS):
            yield from _found(check, trial)


def judged(subject: str, trials: Sequence[Trial], known: Expected, tell: Tell) -> tuple[RuleResult, ...]:
    """A result for each rule that looks at one layer; none where there is nothing to judge."""
    return tuple(_result(subject, *each, trials, known, tell) for each in _checks()) if trials else ()


def _checks() -> Iterator[tuple[Rule, Check]]:
    for rule in catalogue().values():
        check = CHECKS.get((rule.id, StackSeen))
        if rule.family == FAMILY and check and check.judge:
            yield rule, check


def _found(check: Check, trial: Trial) -> Iterator[Finding]:
    assert check.judge
    return check.judge(trial)


def _missed(rule: Rule) -> Verdict:
    return "noted" if rule.status == "s" else "fail"


def _result(
    subject: str, rule: Rule, check: Check, trials: Sequence[Trial], known: Expected, tell: Tell
) -> RuleResult:
    if why := rule.lacks(CLAIMS):
        return RuleResult(rule.id, "n/a", f"{subject} {why}")
    spoken = sum(check.needs.keys() <= features(trial.case) for trial in trials)
    for trial in trials:
        for finding in _found(check, trial):
            if not known.explains(finding, trial.case):
                shown = (tell(finding, trial.case),)
                return RuleResult(rule.id, _missed(rule), cases=spoken, witnesses=shown)
    result = RuleResult(rule.id, "pass", cases=spoken)
    if not spoken:
        lacking = " and ".join(map(repr, check.needs))
        result = RuleResult(rule.id, "unverified", f"no case has {lacking}")
    return together(rule.id, [known.applied(result)])
