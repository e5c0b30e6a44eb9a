"""One case, without Hypothesis: every experiment that fits it, judged by every rule asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from dirmeta.generate.features import features
from dirmeta.judge.bench import Bench
from dirmeta.judge.confirm import describe, misbehaved
from dirmeta.judge.experiments import observe
from dirmeta.judge.families import families
from dirmeta.judge.family import Family
from dirmeta.judge.results import RuleResult, Verdict, together
from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.model import overlayfs
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.findings import Finding
from dirmeta.rules.operated import ProgramSeen
from dirmeta.rules.registry import Trial


def fitted(case: Case, limits: Limits) -> Case:
    """The case as a lab can do it; LabError, which says why, where that is not the same case any more.

    A case that says nothing of either namespace is done in the one that there is.
    """
    if obstacle := _obstacle(case, limits):
        raise LabError(f"this case can not be done here: {obstacle}; run it as root")
    setup = case.setup
    if case.program:
        setup = replace(setup, layout="model", upper=True)
    if setup.namespace not in limits.namespaces:
        setup = replace(setup, namespace=limits.namespaces[0])
    if setup.backing not in limits.backings:
        setup = replace(setup, backing=limits.backings[0])
    return replace(case, setup=setup)


def _obstacle(case: Case, limits: Limits) -> str:
    for operation in case.program:
        who = operation.by
        if limits.ids is not None and not {who.uid, who.gid, *who.groups} <= set(limits.ids):
            return f"{operation.op} is done as {who.uid}:{who.gid}"
        if operation.op == "drop-caches" and not limits.caches:
            return "drop-caches takes a kernel of one's own, as --kernel uml:6.12 gives"
    for entry in (entry for layer in case.stack for entry in layer):
        if limits.ids is not None and not {entry.uid, entry.gid} <= set(limits.ids):
            return f"{entry.name} belongs to {entry.uid}:{entry.gid}"
        if not limits.devices and entry.kind in ("char", "block"):
            return f"{entry.name} is a device"
        if not limits.trusted and any(name.startswith("trusted.") for name, _ in entry.xattrs):
            return f"{entry.name} has a trusted.* xattr"
        if not limits.acls and any(name in overlayfs.ACLS for name, _ in entry.xattrs):
            return f"{entry.name} has an ACL"
    return ""


def judge_case(case: Case, rules: Collection[str], bench: Bench) -> list[RuleResult]:
    """One result a rule, in catalogue order; rules that no fitting experiment serves are left out."""
    results: dict[str, list[RuleResult]] = {}
    for family in _fitting(case):
        for result in _judge(family, case, rules, bench):
            results.setdefault(result.rule, []).append(result)
    return [together(rule, results[rule]) for rule in catalogue() if rule in results]


def _fitting(case: Case) -> list[Family]:
    """One family for each experiment that can be done on the case."""
    chosen: dict[object, Family] = {}
    for name, family in families().items():
        from_streams = name.startswith("unpack/")
        fits = from_streams == (case.setup.layout == "unpacked") and family.shaped == bool(case.malformed)
        if fits and (family.sees is ProgramSeen) == bool(case.program):
            chosen.setdefault((family.does, family.rules), family)
    return list(chosen.values())


def _judge(family: Family, case: Case, rules: Collection[str], bench: Bench) -> list[RuleResult]:
    asked = [rule for rule in family.rules if rule in rules]
    results = [RuleResult(rule, "n/a", why) for rule in asked if (why := bench.lacks(catalogue()[rule]))]
    left = [rule for rule in asked if not bench.lacks(catalogue()[rule])]
    if left:
        try:
            seen = observe(family.does, case, bench.conditions, bench.lab)
        except Misbehaviour as trouble:
            return [*results, _broken(misbehaved(left[0], trouble), Trial(case, None, bench.terms), bench)]
        results += [_result(rule, family, Trial(case, seen, bench.terms), bench) for rule in left]
    return results


def _result(rule: str, family: Family, trial: Trial, bench: Bench) -> RuleResult:
    check = family.check(rule)
    observed = "; ".join(dict.fromkeys(check.watch(trial))) if check.watch is not None else ""
    if check.judge is None or (check.needs and not features(trial.case, check.needs.keys())):
        verdict: Verdict = "observed" if observed else "n/a"
        return RuleResult(rule, verdict, observed or "its situation is not in this case", int(bool(observed)))
    finding = next(check.judge(trial), None)
    if finding is None:
        return RuleResult(rule, "pass", "", 1, observed=observed)
    return replace(_broken(finding, trial, bench), observed=observed)


def _broken(finding: Finding, trial: Trial, bench: Bench) -> RuleResult:
    shown = describe(finding, trial, bench)
    return RuleResult(finding.rule, bench.missed(finding.rule), shown.saw, 1, (shown,))
