"""ACCESS and COPYUP: what somebody may do on a mount, and what is there after he did it.

Every step of a program is judged from what lay in the upper before it, so that one deviation does not make
others of all that follows.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from functools import partial
from typing import Final

from dirmeta.model import listing, program
from dirmeta.model.permission import WRITE
from dirmeta.model.stack import Operation
from dirmeta.rules import left
from dirmeta.rules.answers import UNTOUCHED, Broken, answer
from dirmeta.rules.findings import Finding
from dirmeta.rules.operated import CrampedSeen, ProgramSeen, Stepped
from dirmeta.rules.registry import Needs, Trial, judges


def broken(trial: Trial) -> list[Broken]:
    """Everything in a trial that is not as it has to be."""
    if "broken" not in trial.memo:
        trial.memo["broken"] = list(_broken(trial.seen, trial.terms.granularity))
    found: list[Broken] = trial.memo["broken"]
    return found


def _broken(seen: ProgramSeen, granularity: int) -> Iterator[Broken]:
    if seen.failed:
        yield (UNTOUCHED,), Finding("", "the mount", "mounted and run", seen.failed)
        return
    step, cramped = None, isinstance(seen, CrampedSeen)
    for number, step in enumerate(seen.stepped, 1):
        out_of_room = cramped and _may_be_out_of_room(step)
        judged = left.failed(step, granularity) if out_of_room else _judged(step, cramped, granularity)
        for rules, finding in list(judged) or left.shown(step, granularity):
            yield rules, finding._replace(where=f"{finding.where}    {_after(number, step.operation)}")
    if seen.reused is not None:
        last = step.after.mounted if step is not None else seen.start
        yield from left.reused(last, seen.reused, granularity)


def _may_be_out_of_room(step: Stepped) -> bool:
    """Whether this is what overlayfs answers to a change where nothing more can be stored; of a redirect,
    which is an xattr, it says that it has to be copied."""
    if step.seen.number == errno.EXDEV:
        return step.operation.op == "rename" and step.before.mounted.how.redirects
    return step.seen.number == errno.ENOSPC and step.operation.op in program.CHANGES


def _after(number: int, operation: Operation) -> str:
    return f"after operation {number}, {listing.operation(operation)}"


def _judged(step: Stepped, cramped: bool, granularity: int) -> Iterator[Broken]:
    if step.expected is None:
        yield from left.remounted(step, granularity)
    elif step.before.read_only and _asks_to_write(step.operation):
        yield from left.refused(step, step.expected)
    elif step.expected.number is None:
        yield from left.failed(step, granularity) if step.seen.number else left.consistent(step, granularity)
    elif not step.expected.allows(step.seen.number):
        rules, finding = answer(step, step.expected)
        yield (*rules, "COPYUP-FAIL") if cramped and step.seen.number else rules, finding
    elif step.seen.number:
        yield from left.failed(step, granularity)
    elif step.seen.view is not None:
        yield from left.done(step, step.expected, granularity)
    yield from left.held(step, granularity)


def _asks_to_write(operation: Operation) -> bool:
    """Whether a read-only mount has a say in what is answered."""
    bits = program.arguments(operation).get("bits", 0)
    return operation.op in program.CHANGES or bool(int(bits) & WRITE)


def _of(rule: str, trial: Trial) -> Iterator[Finding]:
    """What breaks one rule."""
    for rules, finding in broken(trial):
        if rule in rules:
            yield finding._replace(rule=rule)


NEEDS: Final[dict[str, Needs]] = {
    "ACCESS-DAC": {"delegated ACCESS-DAC": 0.3},
    "ACCESS-NOWIDEN": {"widened by the placeholder": 0.1},
    "ACCESS-STICKY": {"delegated refused by ACCESS-STICKY": 0.01},
    "ACCESS-SETGID": {"delegated ACCESS-SETGID": 0.01},
    "ACCESS-ACL": {"delegated ACCESS-ACL": 0.05, "delegated inherits an ACL": 0.01},
    "ACCESS-OWNER": {"delegated ACCESS-OWNER": 0.08, "delegated refused by ACCESS-OWNER": 0.03},
    "ACCESS-MOVE": {"delegated ACCESS-MOVE": 0.01},
    "COPYUP-PRESERVE": {"delegated copied up": 0.3},
    "COPYUP-UNMARKED": {"delegated copied up": 0.4, "remounted": 0.2, "switched back": 0.02},
    "COPYUP-CHANGE": {"delegated changed": 0.2},
    "COPYUP-MTIME": {"delegated touched": 0.2},
    "COPYUP-UPPERMARK": {"delegated settled": 0.3},
    "COPYUP-RENAME": {"delegated renamed": 0.02, "delegated refused rename": 0.02},
    "COPYUP-RECREATE": {"recreated": 0.1, "delegated recreated": 0.01},
    "COPYUP-SELFMARK": {"delegated own xattr": 0.01},
    "COPYUP-FAIL": {"failed": 0.5},
    "COPYUP-REUSE": {"delegated touched": 0.2},
}
"""Rule → what has to happen in programs."""

NEEDS_WHERE_IT_IS_CRAMPED: Final[dict[str, Needs]] = {
    "COPYUP-PRESERVE": {"delegated copied up": 0.1, "no room left": 0.5},
    "COPYUP-FAIL": {"no room left": 0.5},
}

for _seen, _rules in ((ProgramSeen, NEEDS), (CrampedSeen, NEEDS_WHERE_IT_IS_CRAMPED)):
    for _rule, _needs in _rules.items():
        judges(_rule, _seen, _needs)(partial(_of, _rule))
