"""What happens in a program, for those who count whether a rule's situation was met."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from dirmeta.model import program
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Operation
from dirmeta.model.writer import Expected

_DECIDED: Final = (
    "ACCESS-DAC", "ACCESS-STICKY", "ACCESS-SETGID", "ACCESS-ACL", "ACCESS-OWNER", "ACCESS-MOVE",
    "inherits an ACL", "copied up", "changed", "touched", "settled", "renamed", "refused rename", "own xattr",
    "refused by ACCESS-STICKY", "refused by ACCESS-OWNER", "recreated",
)  # fmt: skip
_NOTED: Final = frozenset((
    *_DECIDED, *(f"delegated {each}" for each in _DECIDED), "widened by the placeholder",
))  # fmt: skip
HAPPENINGS: Final = _NOTED | frozenset((
    "remounted", "failed", "read-only", "switched", "switched back", "swapped", "caches dropped", "held",
    "no room left", "root changed",
))  # fmt: skip
"""``delegated`` where marks matter for the directory that decides, or to which it happens: heeded, it shows
another's metadata than if they are not."""


class Step(NamedTuple):
    """An operation, what it has to come to (None for what is no system call), and its errno."""

    before: State
    operation: Operation
    expected: Expected | None
    number: int


def happenings(steps: Iterable[Step]) -> frozenset[str]:
    """What happens in a program on the mount that it was done on; some of `HAPPENINGS`. An operation that is
    not answered as it has to be decides nothing."""
    return frozenset(each for step in steps for each in _happenings(step))


def _happenings(step: Step) -> Iterator[str]:
    if step.expected is None:
        yield {"drop-caches": "caches dropped", "swap": "swapped"}.get(step.operation.op, "remounted")
        feature = program.arguments(step.operation).get("feature")
        if feature is not None:
            yield "switched back" if feature == "on" else "switched"
        return
    if step.expected.allows(step.number):
        yield from step.expected.notes & _NOTED
    if step.before.held:
        yield "held"
    if step.operation.op in program.CHANGES:
        yield from _of_change(step)


def _of_change(step: Step) -> Iterator[str]:
    if step.before.read_only:
        yield "read-only"
    if step.number not in (0, errno.ENOENT):
        yield "failed"
    if step.number == errno.ENOSPC:
        yield "no room left"
    if step.number == 0 and ("path", "") in step.operation.args:
        yield "root changed"
