"""One case, without Hypothesis: every experiment that fits it, judged by every rule asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from dirmeta.judge.bench import Bench
from dirmeta.judge.confirm import describe, misbehaved
from dirmeta.judge.coverage import met
from dirmeta.judge.experiments import observe
from dirmeta.judge.families import families
from dirmeta.judge.family import Family
from dirmeta.judge.obstacles import obstacles
from dirmeta.judge.opening import UsageError
from dirmeta.judge.results import RuleResult, Verdict, together
from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.model import listing, paths, program
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import drawn_for
from dirmeta.model.rehearsal import rehearsed
from dirmeta.model.stack import Case, Credentials, Operation, Setup
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.findings import Finding
from dirmeta.rules.operated import CrampedSeen, ProgramSeen
from dirmeta.rules.racing import RacesSeen
from dirmeta.rules.registry import Trial
from dirmeta.sandbox.credentials import CAPABILITIES

RACES: Final = 25
"""Times that a race is tried before it is believed to come out right; each has several rounds."""


def wrong_program(operations: Sequence[Operation]) -> str:
    """Which operation of a program can be done nowhere, and why; or nothing."""
    for number, operation in enumerate(operations, 1):
        if why := program.wrong(operation) or _no_one(operation.by):
            return f"operation {number}: {why}"
    return ""


def _no_one(who: Credentials) -> str:
    """Why nobody can be that, or nothing."""
    for name in who.drop:
        if name not in CAPABILITIES:
            return f"{paths.printable(name)!r} is no capability; they are written like dac_override"
    for number in (who.uid, who.gid, *who.groups):
        if number > program.MAX_ID:
            return f"{number} is no uid or gid; the greatest is {program.MAX_ID}"
    return ""


def fitted(case: Case, limits: Limits) -> Case:
    """The case as a lab can do it; UsageError, which says why, where that is not the same case any more.

    A case that says nothing of either namespace is done in the one that there is, and one that says nothing
    of its backing on the default one.
    """
    setup = case.setup
    if case.program:
        setup = replace(setup, layout="model", upper=True)
    if setup.namespace not in limits.namespaces:
        setup = replace(setup, namespace=limits.namespaces[0])
    if setup.backing == Setup().backing and setup.backing not in limits.backings:
        setup = replace(setup, backing=limits.backings[0])
    case = replace(case, setup=setup)
    for obstacle in (wrong_program(case.program), *obstacles(case, limits), _leads_astray(case, limits)):
        if obstacle:
            raise UsageError(f"this case can not be done here: {obstacle}")
    return case


def _leads_astray(case: Case, limits: Limits) -> str:
    """Which operation of a program would be done to something else than it names, or nothing."""
    how = drawn_for(case.setup, limits)
    for number, (operation, (state, _)) in enumerate(zip(case.program, rehearsed(case, how), strict=True), 1):
        node = state.mounted.shows(program.path(operation))
        if why := _astray(operation.op, node.kind if node is not None else ""):
            return f"operation {number}, {listing.operation(operation)}: {why}"
    return ""


def _astray(op: str, kind: str) -> str:
    if op in ("read", "write") and kind in ("char", "block"):
        return "it would open a device of this machine"
    if op == "chmod" and kind == "symlink":
        return "Linux changes the mode of what a symlink leads to; name that"
    return ""


def judge_case(case: Case, rules: Collection[str], bench: Bench) -> list[RuleResult]:
    """One result a rule, in catalogue order; rules that no fitting experiment serves are left out."""
    results: dict[str, list[RuleResult]] = {}
    for alike in fitting(case):
        for result in _judge(alike, case, rules, bench):
            results.setdefault(result.rule, []).append(result)
    return [together(rule, results[rule]) for rule in catalogue() if rule in results]


def fitting(case: Case) -> list[list[Family]]:
    """The families that can be judged by the case, those of one experiment together."""
    chosen: dict[object, dict[object, Family]] = {}
    for name, family in families().items():
        from_streams = name.startswith(("unpack/", "parity/"))
        fits = from_streams == (case.setup.layout == "unpacked") and (family.shaped or not case.malformed)
        if fits and _is_seen(case, family.sees):
            chosen.setdefault(family.does, {}).setdefault(family.rules, family)
    return [list(alike.values()) for alike in chosen.values()]


def _is_seen(case: Case, record: type) -> bool:
    """Whether a record tells of what is done to the case: nothing, or a program, or one in a race."""
    if not case.program:
        return record not in (ProgramSeen, CrampedSeen, RacesSeen)
    return record is (RacesSeen if case.setup.raced else CrampedSeen if case.setup.room else ProgramSeen)


def _judge(alike: Sequence[Family], case: Case, rules: Collection[str], bench: Bench) -> Iterator[RuleResult]:
    """The results of families that share an experiment, which is done once."""
    left: list[tuple[str, Family]] = []
    asked = [(rule, family) for family in alike for rule in family.rules if rule in rules]
    for rule, family in asked:
        if why := bench.lacks(catalogue()[rule]) or family.lacks(bench.lab.limits):
            yield RuleResult(rule, "n/a", why)
        else:
            left.append((rule, family))
    if not left:
        return
    try:
        yield from _observed(left, case, bench)
    except Misbehaviour as trouble:
        yield _broken(misbehaved(left[0][0], trouble), Trial(case, None, bench.terms), bench)
        return
    except LabError as error:
        if not case.program:
            raise
        yield from (RuleResult(rule, "unverified", str(error)) for rule, _ in left)


def _observed(left: Sequence[tuple[str, Family]], case: Case, bench: Bench) -> list[RuleResult]:
    """The results of one experiment; of a race that shows nothing wrong, those of the last of `RACES`."""
    results: list[RuleResult] = []
    for _ in range(RACES if case.setup.raced else 1):
        seen = observe(left[0][1].does, case, bench.conditions, bench.lab)
        results = [_result(rule, family, Trial(case, seen, bench.terms), bench) for rule, family in left]
        if any(each.witnesses for each in results):
            break
    return results


def _result(rule: str, family: Family, trial: Trial, bench: Bench) -> RuleResult:
    check = family.check(rule)
    observed = "; ".join(dict.fromkeys(check.watch(trial))) if check.watch is not None else ""
    finding = next(check.judge(trial), None) if check.judge is not None else None
    if finding is not None:  # a witness that was made minimal need not have all that its rule is about
        return replace(_broken(finding, trial, bench), observed=observed)
    if check.judge is None or (check.needs and not met(trial.case, trial.seen, check.needs.keys())):
        verdict: Verdict = "observed" if observed else "n/a"
        return RuleResult(rule, verdict, observed or "its situation is not in this case", int(bool(observed)))
    return RuleResult(rule, "pass", "", 1, observed=observed)


def _broken(finding: Finding, trial: Trial, bench: Bench) -> RuleResult:
    shown = describe(finding, trial, bench)
    return RuleResult(finding.rule, bench.missed(finding.rule), shown.saw, 1, (shown,))
