"""What comes of a run: a verdict a rule, with its reason and its witnesses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from dirmeta.judge.consistency import pooled

Verdict = Literal["pass", "noted", "expected", "observed", "n/a", "unverified", "fail", "error"]

WORST_FIRST: Final[tuple[Verdict, ...]] = (
    "fail", "error", "unverified", "expected", "noted", "observed", "pass", "n/a",
)  # fmt: skip
"""What a rule's families together come to: the first of these that any of them has."""


Needs = Mapping[str, tuple[int, float]]
"""Feature of cases → in how many of those judged it was met, and the share of them that has to."""


@dataclass(frozen=True)
class Witness:
    """A minimal case that shows a deviation.

    id       short name, for `dirmeta replay`
    case     in JSON form (model/codec.py)
    listing  the same as people read it
    where, want, saw, blame: lines of the failure, as people read them
    log      what the kernel had to say, where it misbehaved
    note     where it comes from and why it may not be minimal, as far as there is something to say
    """

    id: str
    rule: str
    case: dict[str, Any]
    listing: str
    where: str
    want: str
    saw: str
    blame: str
    again: str
    log: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Witness:
        return cls(**{**data, "log": tuple(data["log"])})


_WITNESSES: Final = ("witnesses", "deviations")
"""Fields of a result that hold them."""


@dataclass(frozen=True)
class RuleResult:
    """One rule's result, of one shard or of a whole run.

    cases  how many were judged
    first_case, first_seconds  what it took until a case looked wrong, in the shard that needed the fewest;
           0 where none did
    group  the family that was judged, "" for several
    needs  how often the preconditions of the rule were met; a result that has them is not final alone
    observed  what happened where the rule only asks for a report
    deviations  of the subject that were expected and shown again; what passes but for them is `expected`
    models    model of overlayfs → whether no mount contradicts it, of `compared` cases; told once a shard
    """

    rule: str
    verdict: Verdict
    reason: str = ""
    cases: int = 0
    witnesses: tuple[Witness, ...] = ()
    first_case: int = 0
    first_seconds: float = 0.0
    group: str = ""
    needs: Needs = field(default_factory=dict)
    observed: str = ""
    deviations: tuple[Witness, ...] = ()
    models: Mapping[str, bool] = field(default_factory=dict)
    compared: int = 0

    def to_json(self) -> dict[str, Any]:
        lists = {name: list(map(asdict, getattr(self, name))) for name in _WITNESSES}
        return {**asdict(self), **lists}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RuleResult:
        lists = {name: tuple(map(Witness.from_json, data[name])) for name in _WITNESSES}
        needs = {feature: (met, share) for feature, (met, share) in data["needs"].items()}
        return cls(**{**data, **lists, "needs": needs})


@dataclass(frozen=True)
class Report:
    """A whole run: what ran, and one result a rule in catalogue order.

    about: words about the run (version, subject, kernel, profile, seed …), in the order to print
    """

    about: dict[str, str]
    results: tuple[RuleResult, ...] = ()
    seconds: float = 0.0


def unmet(needs: Needs, cases: int) -> str:
    """Which precondition was met too seldom in so many cases, in words; or nothing."""
    for feature, (met, share) in needs.items():
        if met < max(1.0, share * cases):
            return f"{feature!r} in {met} of {cases} cases; {share:.0%} are needed"
    return "" if cases else "no case was drawn"


def together(rule: str, results: Sequence[RuleResult]) -> RuleResult:
    """The results of a rule's shards and families as one."""
    results = _with_needs_pooled(results)
    verdict = next(each for each in WORST_FIRST if any(result.verdict == each for result in results))
    told = [result for result in results if result.verdict == verdict]
    reasons = list(dict.fromkeys(result.reason for result in told if result.reason))
    if verdict == "error":
        reasons = reasons[:1]  # the same trouble, in the words of several shards
    witnesses = _distinct(witness for result in told for witness in result.witnesses)
    deviations = _distinct(witness for result in results for witness in result.deviations)
    if verdict == "pass" and deviations:
        verdict, witnesses = "expected", deviations
        reasons = list(dict.fromkeys(witness.note for witness in deviations))
    cases = sum(result.cases for result in results)
    first = min(((each.first_case, each.first_seconds) for each in told if each.first_case), default=(0, 0.0))
    return RuleResult(
        rule, verdict, "; ".join(reasons), cases, witnesses, *first,
        observed="; ".join(dict.fromkeys(result.observed for result in results if result.observed)),
        deviations=deviations,
        models=pooled(result.models for result in results),
        compared=sum(result.compared for result in results),
    )  # fmt: skip


def _distinct(witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    """One a case."""
    return tuple({witness.id: witness for witness in witnesses}.values())


def _with_needs_pooled(results: Sequence[RuleResult]) -> list[RuleResult]:
    """The results, where a shard that lacks a precondition passes if its family has enough of it."""
    families: dict[str, list[RuleResult]] = {}
    for result in results:
        if result.needs and result.verdict in ("pass", "unverified"):
            families.setdefault(result.group, []).append(result)
    reasons = {group: _lacking(shards) for group, shards in families.items()}
    return [
        replace(each, verdict="unverified" if reasons[each.group] else "pass", reason=reasons[each.group])
        if each in families.get(each.group, ())
        else each
        for each in results
    ]


def _lacking(shards: Sequence[RuleResult]) -> str:
    """Which precondition the shards of a family have too little of together, or nothing."""
    totals: dict[str, tuple[int, float]] = {}
    for shard in shards:
        for feature, (met, share) in shard.needs.items():
            totals[feature] = (totals.get(feature, (0, share))[0] + met, share)
    return unmet(totals, sum(shard.cases for shard in shards))


def consistent(results: Iterable[RuleResult]) -> list[str] | None:
    """The models of overlayfs that no mount of a run contradicts; None where no mount was compared."""
    models = pooled(result.models for result in results)
    return [name for name, holds in models.items() if holds] if models else None


def exit_status(results: Iterable[RuleResult]) -> int:
    """1 where a rule fails, else 3 where one is in error, else 4 where one is unverified, else 0."""
    verdicts = {result.verdict for result in results}
    return 1 if "fail" in verdicts else 3 if "error" in verdicts else 4 if "unverified" in verdicts else 0


def common_error(results: Sequence[RuleResult]) -> str:
    """The one reason why no rule that applies could be judged, or nothing."""
    applicable = [result for result in results if result.verdict != "n/a"]
    reasons = {result.reason for result in applicable if result.verdict == "error"}
    alike = len(reasons) == 1 and all(result.verdict == "error" for result in applicable)
    return reasons.pop() if alike else ""


def summary(results: Sequence[RuleResult]) -> str:
    """``41 of 44 applicable rules pass, 3 unverified; 21 n/a``: every denominator shown."""
    count = {verdict: sum(result.verdict == verdict for result in results) for verdict in WORST_FIRST}
    applicable = len(results) - count["n/a"]
    rest = [
        f"{number} {verdict}"
        for verdict, number in count.items()
        if number and verdict not in ("pass", "n/a")
    ]
    head = ", ".join([f"{count['pass']} of {applicable} applicable rules pass", *rest])
    return f"{head}; {count['n/a']} n/a"
