"""From a case that looked wrong to a witness: seen again by itself, made minimal, explained."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from dirmeta.judge.bench import Bench
from dirmeta.judge.blame import blame, source_words, who_has_it_so
from dirmeta.judge.experiments import has_hung, observe
from dirmeta.judge.family import Family
from dirmeta.judge.noise import hear_again, is_its_own, is_the_labs_own, was_its_own
from dirmeta.judge.results import Witness
from dirmeta.judge.witnesses import store
from dirmeta.labs.base import Misbehaviour
from dirmeta.model import codec, listing
from dirmeta.model.stack import Case
from dirmeta.rules.findings import KERNEL_LOG, MISBEHAVIOUR, Finding
from dirmeta.rules.registry import Check, Trial

REDUCTION_SECONDS: Final = 60.0
"""After this long a witness is good enough; only slow or hanging subjects need it."""


class Suspect(NamedTuple):
    """A case that looked wrong.

    packed   the pack it was in; itself where it was alone
    finding  what was wrong
    number   which of the shard's cases it was, from 1
    seconds  from the shard's beginning until it was judged
    """

    trial: Trial
    packed: Case
    finding: Finding
    number: int = 0
    seconds: float = 0.0

    @property
    def hung(self) -> bool:
        """Whether the subject has cost its timeout. Of such cases each was seen by itself."""
        return has_hung(self.trial.seen)


def witness(check: Check, family: Family, suspects: Sequence[Suspect], bench: Bench) -> Witness | None:
    """The smallest case found that breaks the rule by itself.

    None where all there was did not come again, and may have had other causes: lines in the kernel log, where
    that is the whole machine's, or a guest that was lost or hung without a word, as on a machine in trouble.
    """
    first = suspects[0]
    logged = all(suspect.finding.where == KERNEL_LOG for suspect in suspects)
    whole = first._replace(trial=Trial(first.packed, None, bench.terms))
    for suspect in (*suspects, whole):
        trial, finding = suspect.trial, suspect.finding
        # A host is waited for twice, however many suspects there are.
        if logged and (suspect is first or suspect is whole or is_the_labs_own(bench.lab)):
            hear_again(bench.lab)
        if not suspect.hung:
            trial, found = look(check, family, trial.case, bench)
            if found is None:
                continue
            finding = found
        reduction = Reduction(check, family, bench, trial, finding)
        family.reduce(trial.case, reduction.still_fails)
        notes = (family.origin, reduction.note)
        return describe(reduction.finding, reduction.trial, bench, "; ".join(filter(None, notes)))
    once = "seen once, and not again when the case was done again"
    if logged:
        own = was_its_own(check, family, first.packed, first.finding, bench)
        return describe(first.finding, first.trial, bench, once) if own else None
    trial, _ = look(check, family, first.packed, bench)
    if first.finding.where == MISBEHAVIOUR:
        return describe(first.finding, trial, bench, once) if first.finding.log else None
    seen_once = Finding(
        check.rule, "the case", "what it showed later", "a deviation, seen once and not again"
    )
    return describe(seen_once, trial, bench)


def look(check: Check, family: Family, case: Case, bench: Bench) -> tuple[Trial, Finding | None]:
    """One case by itself: what was seen, and the first thing that breaks the rule unexpectedly."""
    try:
        trial = Trial(case, observe(family.does, case, bench.conditions, bench.lab), bench.terms)
        finding = next(bench.unexpected(check, trial), None)
        if finding and finding.where == KERNEL_LOG and not is_its_own(check, family, case, bench):
            finding = None
    except Misbehaviour as trouble:
        return Trial(case, None, bench.terms), misbehaved(check.rule, trouble)
    return trial, finding


def misbehaved(rule: str, trouble: Misbehaviour) -> Finding:
    """A kernel's misbehaviour as a broken rule."""
    saw = f"{trouble.kind}: {trouble.line}"
    return Finding(rule, MISBEHAVIOUR, "a kernel that goes on", saw, log=trouble.excerpt)


def signature(finding: Finding) -> str:
    """What a misbehaviour has in common with the same one another time: all but the numbers."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", finding.saw)


class Reduction:
    """Tells whether smaller cases still show a finding of the same sort, as long as there is time for that.

    trial, finding  the last that did
    note            why it was ended early, or nothing
    """

    def __init__(self, check: Check, family: Family, bench: Bench, trial: Trial, finding: Finding) -> None:
        self.trial = trial
        self.finding = finding
        self.note = ""
        self._check = check
        self._family = family
        self._bench = bench
        self._deadline = time.monotonic() + REDUCTION_SECONDS
        if bench.reduce_until is not None:
            self._deadline = min(self._deadline, bench.reduce_until)

    def still_fails(self, case: Case) -> bool:
        here = case.setup.backing in self._bench.lab.limits.backings
        if not case.stack or not here or self._is_over():
            return False
        if self.finding.where == KERNEL_LOG:
            hear_again(self._bench.lab)
        trial, finding = look(self._check, self._family, case, self._bench)
        if finding is None:
            return False
        self._bench.hangs -= _hung(trial, finding)
        if _sort(finding) != _sort(self.finding):
            return False
        self.trial, self.finding = trial, finding
        return True

    def _is_over(self) -> bool:
        if self._bench.hangs <= 0:
            self.note = "may not be minimal: each try can hang, and enough of them did"
        elif time.monotonic() >= self._deadline:
            self.note = "may not be minimal: the time for reducing it was over"
        return bool(self.note)


def _hung(trial: Trial, finding: Finding) -> bool:
    """Whether a subject had to be killed, or a kernel did not answer."""
    return has_hung(trial.seen) or (finding.where == MISBEHAVIOUR and finding.saw.startswith("hang:"))


def _sort(finding: Finding) -> str:
    """What a finding is about: a path, or one of the things that are none."""
    return finding.where if finding.where.startswith("the ") else "a path"


def describe(finding: Finding, trial: Trial, bench: Bench, note: str = "") -> Witness:
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
        note=note,
    )
