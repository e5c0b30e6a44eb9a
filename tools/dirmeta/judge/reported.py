"""A regression as a family: its one case, in each namespace that a lab can mount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from dirmeta.judge.draw import Scope
from dirmeta.judge.experiments import laid_out, on, unpacked_and_mounted
from dirmeta.judge.family import Family
from dirmeta.judge.opening import UsageError
from dirmeta.judge.programs import operated
from dirmeta.judge.regressions import Regression
from dirmeta.judge.replaying import fitted
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case
from dirmeta.rules.operated import ProgramSeen
from dirmeta.rules.registry import Check
from dirmeta.rules.seen import StackSeen

WITHOUT: Final = "COMPAT-NOOP"
"""The rule for a kernel without the feature: a regression that is only looked at shows what `topmost` has."""


@dataclass(frozen=True)
class Reported(Family):
    """A case that somebody met."""

    def check(self, rule: str) -> Check:
        """The check, without preconditions to be counted: that the case speaks of its rules is known."""
        return replace(super().check(rule), needs={})

    def reduce(self, case: Case, still_fails: Callable[[Case], bool]) -> None:
        """The witness is what was reported; less of it would be another case."""


def reported(regression: Regression) -> Reported:
    """The family of a regression, judged by its rules and, without a program, by `WITHOUT`."""
    operates = bool(regression.case.program)
    looks = laid_out if _is_laid_out(regression) else unpacked_and_mounted
    return Reported(
        rules=regression.rules if operates else tuple(dict.fromkeys((*regression.rules, WITHOUT))),
        draws=Scope(partial(_cases, regression)),
        does=operated if operates else looks,
        sees=ProgramSeen if operates else StackSeen,
        cases=2,
        pack=1,
        lacks=partial(_lacks, regression),
        origin=f"as reported in {', '.join(regression.reports)}: {regression.title}",
    )


def _cases(regression: Regression, limits: Limits) -> list[Case]:
    """The case as the lab can do it. Raises UsageError where it would be another one."""
    return [
        fitted(on(regression.case, namespace=namespace), limits)
        for namespace in _namespaces(regression, limits)
    ]


def _lacks(regression: Regression, limits: Limits) -> str:
    if not _namespaces(regression, limits):
        return f"{regression.case.setup.namespace}.* marks can not be mounted here; run it as root"
    try:
        _cases(regression, limits)
    except UsageError as error:
        return str(error)
    return ""


def _namespaces(regression: Regression, limits: Limits) -> tuple[Namespace, ...]:
    """Where the suite lays the layers out, marks are written in the listing, in one namespace."""
    if not _is_laid_out(regression):
        return limits.namespaces
    return tuple(each for each in limits.namespaces if each == regression.case.setup.namespace)


def _is_laid_out(regression: Regression) -> bool:
    return regression.case.setup.layout == "model"
