"""A program run on a mount, as data, and what each of its steps has to come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from dirmeta.model import program, rehearsal
from dirmeta.model.mounted import Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Credentials, Operation
from dirmeta.model.tree import Tree
from dirmeta.model.writer import Expected
from dirmeta.rules.happenings import Step, happenings

Look = tuple[int, int, int, int]
"""Mode, uid, gid and mtime in ns."""


class StepSeen(NamedTuple):
    """What one operation came to.

    number   its errno; 0 for one that is none of the system calls
    view     what the mount shows then; None where nothing can have changed
    upper    the raw upper then
    held     (who, number) → what fstat says of a descriptor that is held
    """

    operation: Operation
    number: int
    view: Tree | None
    upper: Tree | None
    held: dict[tuple[Credentials, int], Look]


@dataclass(frozen=True)
class ProgramSeen:
    """A mount with an upper, and a program run on it.

    start   what lies there before
    view    what the mount shows before
    reused  the view of a read-only mount with the upper as its topmost layer, at the end
    failed  why the mount could not be made or read; else ""
    """

    start: Mounted
    view: Tree
    steps: tuple[StepSeen, ...]
    reused: Tree | None = None
    failed: str = ""

    @cached_property
    def stepped(self) -> tuple[Stepped, ...]:
        """The steps, each judged from what lay there before it."""
        return tuple(_stepped(self))

    @property
    def sights(self) -> frozenset[str]:
        """What happened."""
        return happenings(
            Step(each.before, each.operation, each.expected, each.seen.number) for each in self.stepped
        )


@dataclass(frozen=True)
class CrampedSeen(ProgramSeen):
    """As `ProgramSeen`, with an upper directory whose file system is soon full."""


class Stepped(NamedTuple):
    """One step: before it, what it has to come to, what it came to, and the state it leaves.

    expected  None where no system call was made
    """

    before: State
    seen: StepSeen
    expected: Expected | None
    after: State

    @property
    def operation(self) -> Operation:
        return self.seen.operation


def _stepped(seen: ProgramSeen) -> Iterator[Stepped]:
    state = State(seen.start)
    for step in seen.steps:
        operation = step.operation
        upper = state.mounted.upper if step.upper is None else step.upper
        if program.OPERATIONS[operation.op].call:
            expected = rehearsal.expected(state, operation)
            after = rehearsal.called(state, operation, upper, step.number == 0)
        else:
            expected = None
            after = rehearsal.remounted(state, operation)
            after = rehearsal.called(after, operation, upper, done=False)
        yield Stepped(state, step, expected, after)
        state = after
