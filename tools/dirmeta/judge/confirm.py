"""From a case that looked wrong to a witness: seen again by itself, made minimal, explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dirmeta.generate.reduce import reduce
from dirmeta.judge.bench import Bench
from dirmeta.judge.blame import blame, source_words, who_has_it_so
from dirmeta.judge.experiments import observe
from dirmeta.judge.family import Family
from dirmeta.judge.results import Witness
from dirmeta.judge.witnesses import store
from dirmeta.model import codec, listing
from dirmeta.model.stack import Case
from dirmeta.labs.base import Misbehaviour
from dirmeta.rules.findings import KERNEL_LOG, MISBEHAVIOUR, Finding
from dirmeta.rules.registry import Check, Trial

REDUCTION_SECONDS: Final = 60.0
"""After this long a witness is good enough; only slow or hanging subjects need it."""


class Suspect(NamedTuple):
    """A case that looked wrong, the pack it was in (itself where it was alone), and what was wrong."""

    case: Case
    packed: Case
    finding: Finding


def witness(check: Check, family: Family, suspects: Sequence[Suspect], bench: Bench) -> Witness | None:
    """The smallest case found that breaks the rule by itself.

    None where all there was were lines in the kernel log, and they did not come again: the log is the
    whole machine's, and others mount too.
    """
    packed = suspects[0].packed
    for case in (*[suspect.case for suspect in suspects], packed):
        trial, finding = look(check, family, case, bench)
        if finding is not None:
            reduced = reduce(case, _still_fails(check, family, bench, finding))
            trial, again = look(check, family, reduced, bench)
            return describe(again or finding, trial, bench)
    if all(suspect.finding.where == KERNEL_LOG for suspect in suspects):
        return None
    trial, _ = look(check, family, packed, bench)
    if suspects[0].finding.where == MISBEHAVIOUR:
        return describe(suspects[0].finding, trial, bench)
    once = Finding(check.rule, "the case", "what it showed later", "a deviation, seen once and not again")
    return describe(once, trial, bench)


def look(check: Check, family: Family, case: Case, bench: Bench) -> tuple[Trial, Finding | None]:
    """One case by itself: what was seen, and the first thing that breaks the rule."""
    assert check.judge is not None
    try:
        trial = Trial(case, observe(family.does, case, bench.conditions, bench.lab), bench.terms)
    except Misbehaviour as trouble:
        return Trial(case, None, bench.terms), misbehaved(check.rule, trouble)
    return trial, next(check.judge(trial), None)


def misbehaved(rule: str, trouble: Misbehaviour) -> Finding:
    """A kernel's misbehaviour as a broken rule."""
    saw = f"{trouble.kind}: {trouble.line}"
    return Finding(rule, MISBEHAVIOUR, "a kernel that goes on", saw, log=trouble.excerpt)


def _still_fails(check: Check, family: Family, bench: Bench, first: Finding) -> Callable[[Case], bool]:
    """Whether a smaller case still shows a finding of the same sort; false once time is up."""
    deadline = time.monotonic() + REDUCTION_SECONDS

    def fails(case: Case) -> bool:
        if not case.stack or time.monotonic() >= deadline:
            return False
        finding = look(check, family, case, bench)[1]
        return finding is not None and _sort(finding) == _sort(first)

    return fails


def _sort(finding: Finding) -> str:
    """What a finding is about: a path, or one of the things that are none."""
    return finding.where if finding.where.startswith("the ") else "a path"


def describe(finding: Finding, trial: Trial, bench: Bench) -> Witness:
    """A finding told in the order a person asks, and stored for `dirmeta replay`."""
    case = trial.case
    number = store(case)
    where = (
        finding.where
        if not finding.layer
        else f"{finding.where or '.'}    in the diff directory of layer {finding.layer}"
    )
    return Witness(
        id=number,
        rule=finding.rule,
        case=codec.to_json(case),
        listing=listing.render(case),
        where=where or ".",
        want=finding.want + source_words(trial, finding),
        saw=finding.saw + who_has_it_so(trial, finding),
        blame=blame(trial, finding, bench.subject),
        again=bench.again.format(id=number),
        log=finding.log,
    )
