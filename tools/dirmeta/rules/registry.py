"""Checks: which function judges which rule, on what was seen of which kind.

Two kinds of check. A *claim* looks at one difference between what the oracle predicts and what was
seen, and says whether that difference breaks its rule; where nothing differs, no claim is asked. A
*judge* looks at a whole record and yields findings of its own; it serves the rules that compare
things with each other, and need no oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dirmeta.model.limits import Limits
from dirmeta.model.semantics import Policies
from dirmeta.model.stack import Case
from dirmeta.rules.findings import Finding
from dirmeta.rules.happenings import HAPPENINGS

Needs = Mapping[str, float]
"""Feature of a case, or sight → share of the cases that must have it, else the rule is unverified."""
SIGHTS: Final = frozenset(("a torn reader is caught",)) | HAPPENINGS
"""What no case can have by itself, but what is seen of it: a record that can tell has a property `sights`."""
WHERE: Final[Mapping[str, Callable[[Limits], bool]]] = {
    "switched back": lambda limits: limits.switches,
    "a torn reader is caught": lambda limits: limits.ids is None or len(limits.ids) > 1,
}
"""Sight → whether it can be had in such a place, as a torn reader takes two owners; else it is not needed."""


@dataclass(frozen=True)
class Terms:
    """What a trial is judged by.

    delegate     whether the mount is held to `delegate`, else to `topmost`
    claims       of the subject and the kernel together
    keeps        whether the subject keeps an xattr of that name
    granularity  of the file system's times, in ns
    """

    delegate: bool = False
    policies: Policies = field(default_factory=Policies)
    claims: frozenset[str] = frozenset()
    keeps: Callable[[str], bool] = lambda name: True
    granularity: int = 1


@dataclass(frozen=True)
class Trial:
    """One case, what was seen of it, and the terms it is judged by.

    memo  what checks derive from these, shared so that it is derived once
    """

    case: Case
    seen: Any
    terms: Terms
    memo: dict[str, Any] = field(default_factory=dict)


Judge = Callable[[Trial], Iterator[Finding]]
Watch = Callable[[Trial], Iterator[str]]


@dataclass(frozen=True)
class Check:
    """How one rule is judged on records of one type.

    judge    yields what breaks the rule
    watch    for what is open: yields what happened, in a few words that are counted
    refusals whether a layer that was refused has answered too
    local    whether silence about a pack is silence about each of its cases: nothing is asked of a case
             as a whole
    """

    rule: str
    seen: type
    needs: Needs
    judge: Judge | None = None
    watch: Watch | None = None
    local: bool = False
    refusals: bool = False

    def within(self, limits: Limits) -> Check:
        """The check in such a place, where some of what it needs can not be had."""
        missing = {each for each, is_had in WHERE.items() if not is_had(limits)}
        return replace(self, needs={each: need for each, need in self.needs.items() if each not in missing})


CHECKS: Final[dict[tuple[str, type], Check]] = {}


def judges(
    rule: str, seen: type, needs: Needs | None = None, *, local: bool = False, refusals: bool = False
) -> Callable[[Judge], Judge]:
    """Register a function as the judge of a rule on records of type `seen`; see `Check` for the rest."""

    def register(function: Judge) -> Judge:
        CHECKS[rule, seen] = Check(rule, seen, needs or {}, judge=function, local=local, refusals=refusals)
        return function

    return register


def watches(rule: str, seen: type, needs: Needs | None = None) -> Callable[[Watch], Watch]:
    """Register a function that tells what happened where an open rule speaks, or the open part of one that
    has a judge already."""

    def register(function: Watch) -> Watch:
        check = CHECKS.get((rule, seen), Check(rule, seen, needs or {}))
        CHECKS[rule, seen] = replace(check, watch=function, local=False)
        return function

    return register
