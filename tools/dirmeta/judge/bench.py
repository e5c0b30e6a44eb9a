"""What a run is set up with: the lab, the subject, and the terms that trials are judged by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from dirmeta.judge.expected import Expected
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.results import Verdict, Witness
from dirmeta.labs.base import Lab
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import Rule, catalogue
from dirmeta.rules.findings import Finding
from dirmeta.rules.registry import Check, Terms, Trial

if TYPE_CHECKING:
    from dirmeta.judge.family import Family

Profile = Literal["quick", "full"]

FACTOR: Final[dict[Profile, int]] = {"quick": 1, "full": 20}
"""How many times the cases of the quick profile are drawn."""
_FEATURE: Final = frozenset({"feature"})


@dataclass
class Bench:
    """Everything a shard needs to be run.

    unpacks, mounts  claims of the subject and of the kernel
    seed             0 draws what every run of this version draws
    examples         at most so many cases a family and shard; None as the profile says
    deadline         time.monotonic() after which no more is drawn; None for no limit
    reduce_until     time.monotonic() after which a witness stays as it is; None for no limit
    hangs            calls that may hang while witnesses are reduced: each takes its whole timeout
    misbehaviours    what the kernel has done, without its numbers → witness
    umask            under which subjects run, or None for each case's own
    again            how to repeat a case, with {id} in it
    broken           why the subject can not be judged, from the smoke check
    expected         deviations that the subject is known to have
    """

    lab: Lab
    terms: Terms
    conditions: Conditions
    unpacks: frozenset[str] = frozenset()
    mounts: frozenset[str] = frozenset()
    subject: str = "reference"
    version: str = ""
    kernel: str = "host"
    profile: Profile = "quick"
    strict: bool = False
    seed: int = 0
    examples: int | None = None
    deadline: float | None = None
    reduce_until: float | None = None
    hangs: int = 8
    misbehaviours: dict[str, Witness] = field(default_factory=dict)
    umask: int | None = None
    again: str = "dirmeta replay {id}"
    broken: str = ""
    expected: Expected = field(default_factory=Expected)

    @property
    def limits(self) -> Limits:
        """Those of the lab, with what its mounts are held to."""
        held_to = self.conditions
        return self.lab.limits._replace(
            delegate=held_to.delegate,
            switches=held_to.feature and held_to.delegate,
            policies=held_to.policies,
        )

    def cases(self, family: Family) -> int:
        """How many cases a shard of the family draws."""
        wanted = FACTOR[self.profile] * family.cases
        return max(1, min(wanted, self.examples or wanted) // family.shards)

    def stride(self, size: int, family: Family) -> int:
        """Every how manieth case of a scope of that size is taken: all of them in the full profile."""
        if self.profile == "full" and not self.examples:
            return 1
        return max(1, size // max(1, self.cases(family) * family.shards))

    def spent(self) -> bool:
        """Whether the time given to the run is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def adapted(self, case: Case) -> Case:
        """The case as this bench runs it."""
        if self.umask is None:
            return case
        return replace(case, setup=replace(case.setup, umask=self.umask))

    def missed(self, rule: str) -> Verdict:
        """The verdict on a rule that was seen to be broken."""
        return "noted" if catalogue()[rule].status == "s" and not self.strict else "fail"

    def unexpected(self, check: Check, trial: Trial) -> Iterator[Finding]:
        """What breaks a rule that has a judge, and is not known."""
        assert check.judge is not None
        return (each for each in check.judge(trial) if not self.expected.explains(each, trial.case))

    def lacks(self, rule: Rule) -> str:
        """Why a rule does not apply here, or nothing. One of parity is about both, and asks both for the
        feature."""
        subject, kernel = self.unpacks, self.mounts
        if rule.family == "PARITY":
            subject, kernel = subject | (kernel - _FEATURE), kernel | (subject - _FEATURE)
        if rule.family in ("UNPACK", "PARITY") and (missing := rule.lacks(subject)):
            return f"{self.subject} {missing}"
        if rule.family != "UNPACK" and (missing := rule.lacks(kernel)):
            return f"kernel {self.lab.kernel} {missing}"
        return ""
