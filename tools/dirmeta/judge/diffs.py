"""The diff directories that engines leave, judged by the UNPACK rules on the named cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dirmeta.generate.features import features
from dirmeta.judge.corpus import Named
from dirmeta.judge.results import RuleResult, Verdict, Witness
from dirmeta.judge.witnesses import store
from dirmeta.model import codec, listing
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


def judged(
    subject: str, cases: Sequence[Named], layers: Mapping[str, tuple[Tree, ...]], traits: Traits
) -> tuple[RuleResult, ...]:
    """A result for each rule that looks at one layer; none where no diff directory is known.

    layers  case → its diff directories, lowest first
    """
    terms = Terms(claims=CLAIMS, keeps=traits.keeps)
    trials = [
        Trial(each.case, StackSeen(tuple(map(LayerSeen, layers[each.name]))), terms)
        for each in cases
        if len(layers.get(each.name, ())) == len(each.case.stack)
    ]
    return tuple(_result(subject, rule, check, trials) for rule, check in _checks()) if trials else ()


def _checks() -> Iterator[tuple[Rule, Check]]:
    for rule in catalogue().values():
        check = CHECKS.get((rule.id, StackSeen))
        if rule.family == FAMILY and check and check.judge:
            yield rule, check


def _result(subject: str, rule: Rule, check: Check, trials: Sequence[Trial]) -> RuleResult:
    if why := rule.lacks(CLAIMS):
        return RuleResult(rule.id, "n/a", f"{subject} {why}")
    spoken = [trial for trial in trials if check.needs.keys() <= features(trial.case)]
    if not spoken:
        return RuleResult(rule.id, "unverified", f"no case has {' and '.join(map(repr, check.needs))}")
    assert check.judge
    found = [(trial, finding) for trial in trials for finding in check.judge(trial)]
    if not found:
        return RuleResult(rule.id, "pass", cases=len(spoken))
    verdict: Verdict = "noted" if rule.status == "s" else "fail"
    return RuleResult(rule.id, verdict, cases=len(spoken), witnesses=(_witness(subject, *found[0]),))


def _witness(subject: str, trial: Trial, finding: Finding) -> Witness:
    where = f"{finding.where or '.'}    in the diff directory of layer {finding.layer}"
    number = store(trial.case)
    return Witness(
        number, finding.rule, codec.to_json(trial.case), listing.render(trial.case), where, finding.want,
        finding.saw, f"unpacker: {subject}", f"dirmeta compare --subject {subject}",
    )  # fmt: skip
