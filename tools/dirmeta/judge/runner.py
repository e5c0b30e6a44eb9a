"""One shard of a family: draw, observe, judge, and hand what looks wrong to be confirmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dirmeta.generate.packing import joined, packable
from dirmeta.judge.bench import Bench
from dirmeta.judge.confirm import Suspect, witness
from dirmeta.judge.coverage import Coverage
from dirmeta.judge.draw import Batch, Enough, Scope, feed
from dirmeta.judge.experiments import has_given_up, has_hung, observe
from dirmeta.judge.family import Family, seed_of
from dirmeta.judge.packs import split
from dirmeta.judge.results import RuleResult, Verdict, unmet
from dirmeta.labs.base import LabError
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.registry import Check, Trial

SUSPECTS = 2 * 16
"""Cases of a rule kept to be looked at again: a failing pack makes suspects of all its cases."""


@dataclass
class Tally:
    """What a shard has seen so far.

    suspects  rule → cases in which it looked broken
    watched   open rule → what happened, counted
    """

    coverage: Coverage
    cases: int = 0
    suspects: dict[str, list[Suspect]] = field(default_factory=dict)
    watched: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, case: Case, verifies: bool = True) -> None:
        """One more case was judged; whether it verifies anything of what it holds."""
        self.cases += 1
        if verifies:
            self.coverage.add(case)


def run_shard(
    family: Family, name: str, shard: int, rules: Sequence[str], bench: Bench
) -> dict[str, RuleResult]:
    """Judge one shard's cases by the given rules of the family; rule → result."""
    limits = bench.lab.limits
    limits = limits._replace(
        namespaces=tuple(each for each in limits.namespaces if each in family.namespaces)
    )
    if family.both and len(limits.namespaces) < 2:
        only = f"only {limits.namespaces[0]}.* marks can be mounted here"
        return {rule: RuleResult(rule, "n/a", only) for rule in rules}
    if not limits.namespaces:
        needed = " or ".join(family.namespaces)
        return {
            rule: RuleResult(rule, "unverified", f"{needed}.* xattrs can not be written here")
            for rule in rules
        }
    checks = [family.check(rule) for rule in rules]
    tally = Tally(Coverage(checks, _planned(family, limits, bench)))
    try:
        _feed(
            family,
            name,
            shard,
            limits,
            bench,
            lambda batch: _judge_batch(batch, family, checks, bench, tally),
        )
        return {check.rule: _result(check, family, bench, tally) for check in checks}
    except LabError as lost:
        return {rule: RuleResult(rule, "error", str(lost), tally.cases) for rule in rules}


def _planned(family: Family, limits: Limits, bench: Bench) -> int:
    """How many cases the shard has at most."""
    if isinstance(family.draws, Scope):
        return family.draws.size(limits)
    return _batches(family, bench) * family.pack


def _batches(family: Family, bench: Bench) -> int:
    return -(-bench.cases(family) // family.pack)


def _feed(
    family: Family, name: str, shard: int, limits: Limits, bench: Bench, each: Callable[[Batch], None]
) -> None:
    """Give a shard's cases to `each`, in batches."""
    if isinstance(family.draws, Scope):
        stride = bench.stride(family.draws.size(limits), family)
        family.draws.feed(limits, family.pack, (shard, family.shards), stride, each)
    else:
        drawn = family.draws(limits, family.pack)
        feed(drawn, _batches(family, bench), seed_of(name, shard, bench.seed), each)


def _judge_batch(batch: Batch, family: Family, checks: Sequence[Check], bench: Bench, tally: Tally) -> None:
    if bench.spent():
        raise Enough
    for together in _groups([bench.adapted(case) for case in batch], family):
        _judge_together(together, family, checks, bench, tally)
    if checks and all(check.rule in tally.suspects for check in checks):
        raise Enough


def _judge_together(
    together: Sequence[Case], family: Family, checks: Sequence[Check], bench: Bench, tally: Tally
) -> None:
    """Judge cases that share an experiment; one by one only where the pack as a whole is not in order."""
    if len(together) == 1:
        _judge_alone(together[0], together[0], family, checks, bench, tally)
        return
    packed = joined(together)
    seen = observe(family.does, packed, bench.conditions, bench.lab)
    if has_given_up(seen):
        # What one case has done to the pack hides the others.
        for case in together:
            _judge_alone(case, packed, family, checks, bench, tally)
        return
    for case in together:
        tally.count(case)
    if not _is_in_order(Trial(packed, seen, bench.terms), checks):
        seens = split(seen, len(together), [len(case.stack) for case in together])
        for case, each in zip(together, seens, strict=True):
            _judge_case(Trial(case, each, bench.terms), packed, checks, tally)


def _judge_alone(
    case: Case, packed: Case, family: Family, checks: Sequence[Check], bench: Bench, tally: Tally
) -> None:
    """Judge a case by itself. Where the subject gave up on it, it verifies nothing."""
    seen = observe(family.does, case, bench.conditions, bench.lab)
    tally.count(case, verifies=family.shaped or not has_given_up(seen))
    _judge_case(Trial(case, seen, bench.terms), packed, checks, tally)
    if has_hung(seen):
        raise Enough  # each further case could cost the whole timeout


def _is_in_order(trial: Trial, checks: Sequence[Check]) -> bool:
    """Whether all checks can tell from a pack that none of its cases breaks their rules."""
    return all(
        check.local and check.judge is not None and next(check.judge(trial), None) is None for check in checks
    )


def _groups(batch: Sequence[Case], family: Family) -> list[list[Case]]:
    """The cases that can share an experiment, together; the others alone."""
    if family.pack == 1:
        return [[case] for case in batch]
    by_setup: dict[Any, list[Case]] = {}
    alone = []
    for case in batch:
        if packable(case):
            by_setup.setdefault(case.setup, []).append(case)
        else:
            alone.append([case])
    return [*by_setup.values(), *alone]


def _judge_case(trial: Trial, packed: Case, checks: Sequence[Check], tally: Tally) -> None:
    for check in checks:
        if check.watch is not None:
            tally.watched.setdefault(check.rule, Counter()).update(check.watch(trial))
        elif check.judge is not None and (finding := next(check.judge(trial), None)) is not None:
            suspects = tally.suspects.setdefault(check.rule, [])
            if len(suspects) < SUSPECTS:
                suspects.append(Suspect(trial.case, packed, finding))


def _result(check: Check, family: Family, bench: Bench, tally: Tally) -> RuleResult:
    """The verdict on a rule, once all cases of the shard are drawn."""
    rule = catalogue()[check.rule]
    if check.watch is not None:
        return _observed(check, tally)
    suspects = tally.suspects.get(check.rule)
    if suspects and (shown := witness(check, family, suspects, bench)):
        verdict: Verdict = "noted" if rule.status == "s" and not bench.strict else "fail"
        return RuleResult(check.rule, verdict, shown.saw, tally.cases, (shown,))
    needs = tally.coverage.of(check)
    missing = unmet(needs, tally.cases)
    return RuleResult(check.rule, "unverified" if missing else "pass", missing, tally.cases, needs=needs)


def _observed(check: Check, tally: Tally) -> RuleResult:
    counted = tally.watched.get(check.rule, Counter())
    if not counted:
        return RuleResult(check.rule, "unverified", "its situation was never met", tally.cases)
    total = sum(counted.values())
    words = "; ".join(f"{what} ({number} of {total})" for what, number in counted.most_common())
    return RuleResult(check.rule, "observed", words, tally.cases)
