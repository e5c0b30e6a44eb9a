"""Expectations held against the subject: each witness is done again, and what is new is learned."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from dirmeta.judge.bench import Bench
from dirmeta.judge.confirm import Suspect, describe, witness
from dirmeta.judge.expectations import FAMILY, REASONLESS, Expectation, entry_words
from dirmeta.judge.expected import Expected
from dirmeta.judge.experiments import observe
from dirmeta.judge.family import Family
from dirmeta.judge.kinds import Kind, kinds
from dirmeta.judge.opening import UsageError
from dirmeta.judge.replaying import fitted, fitting
from dirmeta.judge.results import Witness
from dirmeta.labs.base import Misbehaviour
from dirmeta.model import codec
from dirmeta.model.semantics import DEFAULT
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.findings import Finding
from dirmeta.rules.registry import Check, Trial
from dirmeta.subjects.base import Subject

UPDATE: Final = "--update-expectations"
_AT_ONCE: Final = 8
"""Things wrong with one case that are learned of it; what is left then fails."""


class Shown(NamedTuple):
    """What came of an expectation: its witness and the kinds of all it shows, or why it is stale."""

    witness: Witness | None
    kinds: frozenset[Kind]
    stale: str = ""


def expected(
    bench: Bench, subject: Subject, entries: Iterable[Expectation], rules: Collection[str]
) -> Expected:
    """What the entries that speak of the subject come to on this bench, by the rules given."""
    known = Expected()
    for number, entry in enumerate(entries, 1):
        if not entry.speaks_of(subject) or entry.rule not in rules or bench.broken:
            continue
        shown = replayed(entry, bench)
        if shown.witness is not None:
            known.add(shown.witness, shown.kinds)
        elif shown.stale:
            told = f"{entry_words(subject.name, number)}: {shown.stale}"
            remedy = f"dirmeta run --subject {subject.name} {UPDATE} drops it"
            known.stale.setdefault(entry.rule, f"{told}; {remedy}")
    return known


def replayed(entry: Expectation, bench: Bench) -> Shown:
    """The expectation's witness done again. Neither shown nor stale where this bench can not tell."""
    rule = catalogue()[entry.rule]
    if why := rule.lacks(bench.unpacks | {"escaped-xattrs"}):  # which is the kernel's to have
        return Shown(None, frozenset(), f"{entry.rule} does not apply any more: the subject {why}")
    policies = bench.terms.policies
    if bench.lacks(rule) or any(getattr(policies, each) != getattr(DEFAULT, each) for each in rule.policy):
        return Shown(None, frozenset())
    try:
        case = fitted(entry.case, bench.lab.limits)
        found = list(findings(case, entry.rule, bench))
    except (UsageError, Misbehaviour):
        return Shown(None, frozenset())
    if not found:
        gone = f"its witness does not break {entry.rule} any more"
        few_ids = bench.lab.limits.ids is not None  # who may not use all of them may see less go wrong
        return Shown(None, frozenset(), "" if few_ids else gone)
    finding, trial = found[0]
    return Shown(describe(finding, trial, bench, entry.note), _of(found))


def findings(case: Case, rule: str, bench: Bench) -> Iterator[tuple[Finding, Trial]]:
    """All by which the case breaks the rule, expected or not, in the first experiment that shows it."""
    for alike in fitting(case):
        family = next((each for each in alike if rule in each.rules), None)
        judge = family.check(rule).judge if family else None
        if family is None or judge is None:
            continue
        trial = Trial(case, observe(family.does, case, bench.conditions, bench.lab), bench.terms)
        found = [(finding, trial) for finding in judge(trial)]
        yield from found
        if found:
            return


def _of(found: Iterable[tuple[Finding, Trial]]) -> frozenset[Kind]:
    return frozenset(kind for finding, trial in found for kind in kinds(finding, trial.case))


def learn(check: Check, family: Family, trial: Trial, packed: Case, bench: Bench) -> None:
    """Make all that is wrong with a case expected, by a witness for each thing."""
    known = bench.expected
    if catalogue()[check.rule].family != FAMILY or bench.missed(check.rule) != "fail":
        return
    for _ in range(_AT_ONCE):
        finding = next(bench.unexpected(check, trial), None)
        if finding is None:
            return
        shown = witness(check, family, [Suspect(trial, packed, finding)], bench)
        if shown is None:
            return
        of_it = _of(findings(codec.from_json(shown.case), check.rule, bench))
        if known.knows(check.rule, of_it):  # it can not be done again, or shows something else than it did
            return
        known.add(replace(shown, note="; ".join(filter(None, (REASONLESS, shown.note)))), of_it)
