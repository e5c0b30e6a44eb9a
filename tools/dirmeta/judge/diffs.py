"""The diff directories that engines leave, judged by the UNPACK rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from dirmeta.generate.features import features
from dirmeta.judge.corpus import Named
from dirmeta.judge.expected import Expected
from dirmeta.judge.results import RuleResult, Verdict, Witness, together
from dirmeta.model import overlayfs
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.rules import unpack
from dirmeta.rules.catalogue import Rule, catalogue
from dirmeta.rules.findings import Finding
from dirmeta.rules.registry import CHECKS, Check, Terms, Trial
from dirmeta.rules.seen import LayerSeen, StackSeen
from dirmeta.subjects.engines.base import Composed, Traits

CLAIMS: Final = frozenset(("whiteouts",))
"""What an engine with diff directories claims of them."""
FAMILY: Final = unpack.__name__.rpartition(".")[2].upper()
NOTED: Final = frozenset(
    prefix + name for prefix in overlayfs.PREFIX.values() for name in (overlayfs.ORIGIN, "impure", "uuid")
)
"""What overlayfs notes in its upper directory, as which some engines mount the topmost layer."""
UNSEEN: Final = {
    "UNPACK-CONTAINED": "what an engine writes beside its diff directories is not looked at",
    "UNPACK-PARALLEL": "an engine is given one image at a time, and chooses the order of its layers itself",
    "UNPACK-ONOVERLAY": "the store of an engine is on one file system here",
}
"""Rules that diff directories do not tell of, and why."""

Tell = Callable[[Finding, Case], Witness]


class Tried(NamedTuple):
    """A case that an engine was asked for, and what there is to judge of it."""

    named: Named
    trial: Trial


def trial_of(case: Case, seen: Composed, traits: Traits) -> Trial | None:
    """What there is to judge of a case; None where an engine leaves no diff directories.

    Of an image that was refused it is the case up to the layer that it was refused with.
    """
    if not traits.diffs:
        return None
    made = tuple(LayerSeen(_unnoted(tree)) for tree in seen.layers)
    terms = Terms(claims=CLAIMS, keeps=traits.keeps)
    if seen.tree is not None:
        return Trial(case, StackSeen(made), terms)
    upto = replace(case, stack=case.stack[: len(made) + 1])
    return Trial(upto, StackSeen((*made, LayerSeen({}, refused=seen.refused))), terms)


def _unnoted(tree: Tree) -> Tree:
    """A diff directory without what overlayfs notes in one itself."""
    return {
        path: node._replace(xattrs=tuple(pair for pair in node.xattrs if pair[0] not in NOTED))
        for path, node in tree.items()
    }


def findings(named: Named, trial: Trial) -> Iterator[Finding]:
    """All by which diff directories break rules that fail, expected or not."""
    for rule, check in _checks():
        if _missed(rule) == "fail" and not _unjudged(rule) and named.is_about(rule.id):
            yield from _found(check, trial)


def judged(subject: str, tried: Sequence[Tried], known: Expected, tell: Tell) -> tuple[RuleResult, ...]:
    """A result for each rule that can be broken; none where there is nothing to judge."""
    if not tried:
        return ()
    unseen = (RuleResult(rule, "n/a", why) for rule, why in UNSEEN.items())
    results = {each.rule: each for each in unseen}
    for rule, check in _checks():
        if rule.id not in results:
            of_it = [each.trial for each in tried if each.named.is_about(rule.id)]
            results[rule.id] = _result(subject, rule, check, of_it, known, tell)
    return tuple(results[rule] for rule in catalogue() if rule in results)


def _checks() -> Iterator[tuple[Rule, Check]]:
    for rule in catalogue().values():
        check = CHECKS.get((rule.id, StackSeen))
        if rule.family == FAMILY and check and check.judge:
            yield rule, check


def _unjudged(rule: Rule) -> str:
    """Why a rule says nothing of engines, or nothing."""
    return UNSEEN.get(rule.id, "") or rule.lacks(CLAIMS)


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
    met = [_met(check, trial) for trial in trials]
    spoken = sum(map(bool, met)) if check.needs else len(trials)
    for trial in trials:
        for finding in _found(check, trial):
            if not known.explains(finding, trial.case):
                shown = (tell(finding, trial.case),)
                return RuleResult(rule.id, _missed(rule), cases=spoken, witnesses=shown)
    result = RuleResult(rule.id, "pass", cases=spoken)
    if lacking := check.needs.keys() - frozenset().union(*met):
        words = " and none has ".join(map(repr, sorted(lacking)))
        result = RuleResult(rule.id, "unverified", f"no case that was unpacked has {words}")
    return together(rule.id, [known.applied(result)])


def _met(check: Check, trial: Trial) -> frozenset[str]:
    """What a rule needs that a trial has; a layer that was refused has answered only where that counts."""
    if not check.refusals and not all(layer.ok for layer in trial.seen.layers):
        return frozenset()
    return frozenset(check.needs.keys() & features(trial.case, check.needs.keys()))
