"""One shard of a family: draw, observe, judge, and hand what looks wrong to be confirmed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from dirmeta.generate.packing import joined, packable
from dirmeta.judge.bench import Bench
from dirmeta.judge.confirm import Suspect, misbehaved, signature, witness
from dirmeta.judge.consistency import Consistency
from dirmeta.judge.coverage import Coverage
from dirmeta.judge.draw import Batch, Enough, Scope, feed
from dirmeta.judge.expecting import learn
from dirmeta.judge.experiments import has_broken_down, has_given_up, has_hung, observe
from dirmeta.judge.family import Family, seed_of
from dirmeta.judge.packs import split
from dirmeta.judge.results import RuleResult, Verdict, Witness, unmet
from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case, Setup
from dirmeta.rules.findings import KERNEL_LOG, MISBEHAVIOUR, Finding
from dirmeta.rules.registry import Check, Trial

SUSPECTS = 2 * 16
"""Cases of a rule kept to be looked at again: a failing pack makes suspects of all its cases."""
HANGS: Final = 3
"""Cases on which a subject hangs or a kernel misbehaves before no more are drawn: each can cost a timeout."""


def run_shard(
    family: Family, name: str, shard: int, rules: Sequence[str], bench: Bench
) -> dict[str, RuleResult]:
    """Judge one shard's cases by the given rules of the family; rule → result."""
    limits = bench.limits
    if why := family.misses():
        return {rule: RuleResult(rule, "unverified", why) for rule in rules}
    if why := family.lacks(limits):
        return {rule: RuleResult(rule, "n/a", why) for rule in rules}
    usable = tuple(each for each in limits.namespaces if each in family.namespaces)
    if not usable:
        needed = " or ".join(family.namespaces)
        missing = RuleResult("", "unverified", f"{needed}.* xattrs can not be written here")
        return {rule: replace(missing, rule=rule) for rule in rules}
    if family.both and len(usable) < 2:
        only = RuleResult("", "n/a", f"only {usable[0]}.* marks can be mounted here")
        return {rule: replace(only, rule=rule) for rule in rules}
    return Shard(family, rules, bench).run(name, shard, limits._replace(namespaces=usable))


class Shard:
    """The cases of one shard, and what has been seen of them so far.

    suspects  rule → cases in which it looked broken
    watched   open rule → what happened, counted
    """

    def __init__(self, family: Family, rules: Sequence[str], bench: Bench) -> None:
        self.family = family
        self.bench = bench
        self.checks = [family.check(rule).within(bench.limits) for rule in rules]
        self.coverage = Coverage()
        self.wanted = sys.maxsize
        self.began = time.monotonic()
        self.cases = 0
        self.hung = 0
        self.troubles = 0
        self.suspects: dict[str, list[Suspect]] = {}
        self.watched: dict[str, Counter[str]] = {}
        self.consistency = Consistency(bench.terms)

    def run(self, name: str, shard: int, limits: Limits) -> dict[str, RuleResult]:
        """Draw, judge, and give a verdict on every rule."""
        lost = ""
        try:
            self._draw(name, shard, limits)
        except LabError as error:
            lost = str(error)
        results = [replace(self._confirmed(check, lost), group=name) for check in self.checks]
        models, compared = self.consistency.holding(), self.consistency.compared
        results[:1] = [replace(first, models=models, compared=compared) for first in results[:1]]
        return {result.rule: result for result in results}

    def _draw(self, name: str, shard: int, limits: Limits) -> None:
        """Judge all cases of the shard. Raises LabError."""
        family, bench = self.family, self.bench
        if isinstance(family.draws, Scope):
            size = family.draws.size(limits)
            self.coverage = Coverage(self.checks, size)
            part = (shard, family.shards)
            family.draws.feed(limits, family.pack, part, bench.stride(size, family), self.judge_batch)
        else:
            self.wanted = bench.cases(family)
            pack = min(family.pack, self.wanted)
            self.coverage = Coverage(self.checks, self.wanted)
            # One batch more, since Hypothesis begins with its simplest: one case, many times.
            batches = 1 + -(-self.wanted // pack)
            feed(family.draws(limits, pack), batches, seed_of(name, shard, bench.seed), self.judge_batch)

    def judge_batch(self, batch: Batch) -> None:
        """Judge some drawn cases. Raises Enough where further ones would tell nothing more."""
        if self.bench.spent() or self.cases >= self.wanted:
            raise Enough
        if not self.cases:
            batch = tuple(dict.fromkeys(batch))
        for together in _groups([self.bench.adapted(case) for case in batch], self.family):
            if len(together) > 1:
                self._judge_together(together)
            else:
                self._judge_alone(together[0], together[0])
        if all(self._is_suspect(check.rule) for check in self.checks):
            raise Enough

    def _is_suspect(self, rule: str) -> bool:
        """Whether a rule has been seen to be broken by something that can only be ours."""
        return any(suspect.finding.where != KERNEL_LOG for suspect in self.suspects.get(rule, ()))

    def _judge_together(self, together: Sequence[Case]) -> None:
        """Judge cases that share an experiment; one by one only where the pack is not in order."""
        packed = joined(together)
        try:
            seen = self._observe(packed)
        except Misbehaviour as trouble:
            self._search(together, packed, trouble)
            return
        if has_given_up(seen):
            # What one case has done to the pack hides the others.
            self.hung += has_hung(seen)
            for case in together:
                self._judge_alone(case, packed)
            return
        self.cases += len(together)
        for case in together:
            self.coverage.add(case, seen, refused=False)
        trial = Trial(packed, seen, self.bench.terms)
        in_order = self._is_in_order(trial)
        self.consistency.look(trial, together)
        if not in_order:
            seens = split(seen, len(together), [len(case.stack) for case in together])
            first = self.cases - len(together) + 1
            for number, (case, each) in enumerate(zip(together, seens, strict=True), first):
                self._judge(Trial(case, each, self.bench.terms), packed, number)

    def _search(self, together: Sequence[Case], packed: Case, trouble: Misbehaviour) -> None:
        """Find the case of a pack that the kernel misbehaves on, by halves; judge the others."""
        if self._is_known(trouble):
            self._blame_kernel(packed, packed, trouble)
        before = self.troubles
        middle = len(together) // 2
        for half in (together[:middle], together[middle:]):
            if len(half) > 1:
                self._judge_together(half)
            else:
                self._judge_alone(half[0], packed)
        if self.troubles == before:
            self._blame_kernel(packed, packed, trouble)

    def _blame_kernel(self, case: Case, packed: Case, trouble: Misbehaviour) -> None:
        """The kernel broke the rule that was under test: the first of those that are judged together."""
        self.troubles += 1
        check = self.checks[0]
        finding = misbehaved(check.rule, trouble)
        self._suspect(Trial(case, None, self.bench.terms), packed, finding, self.cases)
        if self.troubles >= HANGS or self._is_known(trouble):
            raise Enough

    def _is_known(self, trouble: Misbehaviour) -> bool:
        """Whether another case has shown the same already."""
        return signature(misbehaved("", trouble)) in self.bench.misbehaviours

    def _judge_alone(self, case: Case, packed: Case) -> None:
        """Judge a case by itself. Where the subject crashed or hung, it verifies nothing."""
        try:
            seen = self._observe(case)
        except Misbehaviour as trouble:
            self.cases += 1
            self._blame_kernel(case, packed, trouble)
            return
        self.cases += 1
        if not has_broken_down(seen):
            self.coverage.add(case, seen, refused=has_given_up(seen))
        trial = Trial(case, seen, self.bench.terms)
        self._judge(trial, packed, self.cases)
        self.consistency.look(trial, [case])
        self.hung += has_hung(seen)
        if self.hung >= HANGS:
            raise Enough

    def _observe(self, case: Case) -> Any:
        return observe(self.family.does, case, self.bench.conditions, self.bench.lab)

    def _is_in_order(self, trial: Trial) -> bool:
        """Whether all checks can tell from a pack that none of its cases breaks their rules."""
        return all(
            check.local and check.judge is not None and next(check.judge(trial), None) is None
            for check in self.checks
        )

    def _judge(self, trial: Trial, packed: Case, number: int) -> None:
        for check in self.checks:
            if check.watch is not None:
                self.watched.setdefault(check.rule, Counter()).update(check.watch(trial))
            if check.judge is not None and (finding := self._unexpected(check, trial, packed)) is not None:
                self._suspect(trial, packed, finding, number)

    def _unexpected(self, check: Check, trial: Trial, packed: Case) -> Finding | None:
        """The first thing that breaks the rule and is not known, nor learned where that is asked for."""
        if self.bench.expected.learning:
            learn(check, self.family, trial, packed, self.bench)
        return next(self.bench.unexpected(check, trial), None)

    def _suspect(self, trial: Trial, packed: Case, finding: Finding, number: int) -> None:
        suspects = self.suspects.setdefault(finding.rule, [])
        if len(suspects) < SUSPECTS:
            suspects.append(Suspect(trial, packed, finding, number, time.monotonic() - self.began))

    def _confirmed(self, check: Check, lost: str) -> RuleResult:
        """The verdict on a rule; `lost` says why the lab was, which masks no failure that was witnessed."""
        try:
            result = self._result(check)
        except LabError as error:
            lost = str(error)
        else:
            if not lost or result.verdict in ("fail", "noted"):
                return result
        return RuleResult(check.rule, "error", lost, self.cases)

    def _result(self, check: Check) -> RuleResult:
        """The verdict on a rule, once all cases of the shard are judged."""
        observed = self._observed(check.rule)
        if check.judge is None and not observed:
            return RuleResult(check.rule, "unverified", "its situation was never met", self.cases)
        if check.judge is None:
            return RuleResult(check.rule, "observed", observed, self.cases)
        if shown := self._witness(check):
            missed, first = self.bench.missed(check.rule), self.suspects[check.rule][0]
            return RuleResult(
                check.rule, missed, shown.saw, self.cases, (shown,), first.number, first.seconds,
                observed=observed,
            )  # fmt: skip
        needs = self.coverage.of(check)
        cases = self.coverage.counted(check, self.cases)
        missing = unmet(needs, cases)
        verdict: Verdict = "unverified" if missing else "pass"
        return RuleResult(check.rule, verdict, missing, cases, needs=needs, observed=observed)

    def _witness(self, check: Check) -> Witness | None:
        """What shows that a rule is broken; what a kernel did once it need not do again for each family."""
        suspects = [each for each in self.suspects.get(check.rule, ()) if not self._is_known_by_now(each)]
        if not suspects:
            return None
        first = suspects[0].finding
        if first.where != MISBEHAVIOUR:
            return witness(check, self.family, suspects, self.bench)
        known = self.bench.misbehaviours
        which = signature(first)
        if which not in known:
            shown = witness(check, self.family, suspects, self.bench)
            if shown is None:
                raise LabError(f"{first.saw}, once, and not when the case was done again")
            known[which] = shown
        return replace(known[which], rule=check.rule)

    def _is_known_by_now(self, suspect: Suspect) -> bool:
        """Whether what it shows was learned from a later case."""
        return self.bench.expected.explains(suspect.finding, suspect.trial.case)

    def _observed(self, rule: str) -> str:
        """What happened, each with how often, or nothing."""
        counted = self.watched.get(rule, Counter())
        total = sum(counted.values())
        return "; ".join(f"{what} ({number} of {total})" for what, number in counted.most_common())


def _groups(batch: Sequence[Case], family: Family) -> list[list[Case]]:
    """The cases that can share an experiment, together; the others alone."""
    if family.pack == 1:
        return [[case] for case in batch]
    by_setup: dict[Setup, list[Case]] = {}
    alone = []
    for case in batch:
        if packable(case):
            by_setup.setdefault(case.setup, []).append(case)
        else:
            alone.append([case])
    return [*by_setup.values(), *alone]
