"""Two kernels beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from dirmeta import labs
from dirmeta.judge.experiments import Conditions, Experiment, observe
from dirmeta.judge.opening import UsageError, Wanted
from dirmeta.labs.base import Lab, LabError, Misbehaviour
from dirmeta.labs.garbage import collect_seldom
from dirmeta.model.limits import Limits, common
from dirmeta.model.semantics import Semantics
from dirmeta.model.stack import Case


class SideBroke(Exception):
    """A kernel misbehaved; which one."""

    def __init__(self, side: Side, trouble: Misbehaviour) -> None:
        super().__init__(f"{side.letter}: {trouble}")
        self.side = side
        self.trouble = trouble


@dataclass(frozen=True)
class Side:
    """One of the kernels. letter: how reports call it; spec: as ``--kernel`` has it."""

    letter: str
    spec: str
    lab: Lab
    conditions: Conditions

    @property
    def semantics(self) -> Semantics:
        """The rule that it follows."""
        return "delegate" if self.conditions.delegate else "topmost"

    def observe(self, experiment: Experiment, case: Case) -> Any:
        """The experiment's record. Raises LabError, SideBroke."""
        try:
            return observe(experiment, case, self.conditions, self.lab)
        except Misbehaviour as trouble:
            raise SideBroke(self, trouble) from trouble


class Sides(NamedTuple):
    """Both kernels, and what cases both can do."""

    a: Side
    b: Side
    limits: Limits


@contextmanager
def opened(specs: Sequence[str], wanted: Wanted) -> Iterator[Sides]:
    """Both kernels running. Raises UsageError, LabError, KernelError."""
    collect_seldom()
    with ExitStack() as stack:
        a, b = (
            stack.enter_context(_side(letter, spec, wanted)) for letter, spec in zip("AB", specs, strict=True)
        )
        yield Sides(a, b, shared(a, b))


@contextmanager
def _side(letter: str, spec: str, wanted: Wanted) -> Iterator[Side]:
    try:
        lab = labs.lab(spec, labs.Wanted(None, wanted.backing))
    except labs.UnknownLab as error:
        raise UsageError(str(error)) from None
    try:
        yield Side(letter, spec, lab, conditions(lab, wanted))
    finally:
        lab.close()


def conditions(lab: Lab, wanted: Wanted) -> Conditions:
    """What a lab's kernel is held to: what it claims."""
    claims, limits = lab.claims_feature, lab.limits
    return Conditions(
        feature=claims,
        delegate=claims,
        backings=limits.backings,
        escapes=limits.escapes,
        refused=limits.refused,
        policies=wanted.terms_policies(),
    )


def shared(a: Side, b: Side) -> Limits:
    """What both can do; LabError where that is too little, or something else than their kernels differs."""
    limits = common(a.lab.limits, b.lab.limits)
    if a.lab.limits.trusted != b.lab.limits.trusted:
        who = a.spec if b.lab.limits.trusted else b.spec
        raise LabError(
            f"{who} mounts in a user namespace here and the other one as root, "
            "which makes differences of its own; run it as root"
        )
    if not limits.backings:
        can = "; ".join(f"{side.spec} has {', '.join(side.lab.limits.backings)}" for side in (a, b))
        raise LabError(f"no file system of layers is common to both: {can}; try --backing ext4 as root")
    return limits
