"""The experiment of ACCESS and COPYUP: run a program on a mount, and look after every operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, options
from dirmeta.model import acl, overlayfs, program, rehearsal
from dirmeta.model.mounted import How, Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.room import OVERLAYS_OWN, inodes
from dirmeta.model.stack import Case, Credentials, Operation
from dirmeta.observe.steps import Cramp, Job, Layout, Mount, Operate, Outcome, Result, Step, Unmount, Walk
from dirmeta.rules.operated import CrampedSeen, Look, ProgramSeen, StepSeen

Seen = TypeVar("Seen", bound=ProgramSeen)


def operated(case: Case, conditions: Conditions) -> Plan[ProgramSeen]:
    """Lay out, mount with an upper, do the program, and mount the upper as a lower layer in the end."""
    return (yield from _operated(case, conditions, ProgramSeen))


def cramped(case: Case, conditions: Conditions) -> Plan[CrampedSeen]:
    """The same where the upper's file system is soon full."""
    return (yield from _operated(case, conditions, CrampedSeen))


def _operated(case: Case, conditions: Conditions, sees: type[Seen]) -> Plan[Seen]:
    start = rehearsal.begun(case, how(case, conditions)).mounted
    plan = _Planned(case, start, conditions)
    results = yield Job(tuple(plan.steps), case.setup.backing)
    if failed := failure(results):
        return sees(start, {}, (), failed=failed)
    return plan.read(results, sees)


def how(case: Case, conditions: Conditions) -> How:
    """How a case is mounted at first."""
    return How(
        conditions.delegate,
        case.setup.namespace,
        conditions.policies,
        conditions.initial,
        conditions.escapes,
        frozenset(options(case.setup, conditions)),
        case.setup.backing,
    )


class _Planned:
    """The steps of a program's job, and where in their results each operation's answers are."""

    def __init__(self, case: Case, start: Mounted, conditions: Conditions) -> None:
        self.case = case
        self.start = start
        self.conditions = conditions
        lowers, _ = rehearsal.laid(case)
        self.lowers = [f"l{number}" for number in range(len(lowers), 0, -1)]
        self.state = State(start)
        self.upper = "upper"
        self.steps: list[Step] = [*layout_steps(lowers)]
        if rehearsal.nested(case):
            self._nest()
        if room := case.setup.room:
            self.steps.append(Cramp("cramped", inodes(start.upper) + OVERLAYS_OWN + room))
            self.upper = "cramped/upper"
        self.steps.append(Layout(self.upper, start.upper))
        self._mount()
        self.look = self._look()
        program_here = [_possible(each, conditions) for each in case.program]
        self.done = [(each, self._operate(each)) for each in program_here]
        self._finish()

    def _nest(self) -> None:
        """Have an overlay of its own in place of all lower layers but the topmost."""
        top, *below = self.lowers
        chosen = options(replace(self.case.setup, options=_read_only(self.case)), self.conditions)
        self.steps.append(Mount("inner", tuple(below), "", chosen))
        self.lowers = [top, "inner"]

    def _mount(self) -> None:
        conditions = replace(self.conditions, delegate=self.state.mounted.how.delegate)
        chosen = options(self.case.setup, conditions)
        if self.state.read_only:
            chosen = (*chosen, ("ro", ""))
        self.steps.append(Mount("m", tuple(self.lowers), self.upper, chosen))

    def _look(self) -> int:
        """The index of the first of two results: the view, and the raw upper."""
        self.steps += (Walk("m"), Walk(self.upper))
        return len(self.steps) - 2

    def _operate(self, operation: Operation) -> _Where:
        kind = program.OPERATIONS[operation.op]
        if kind.call:
            self.steps.append(call(operation))
            call_at = len(self.steps) - 1
            self.state = replace(self.state, held=rehearsal.moved(self.state.held, operation))
        else:
            call_at = self._remount(operation)
        look = self._look() if operation.op in program.CHANGES or not kind.call else None
        asked = []
        for who, slot in self.state.held:
            self.steps.append(Operate("fstat", "", (slot,), who))
            asked.append((who, slot, len(self.steps) - 1))
        return _Where(call_at if kind.call else None, look, tuple(asked))

    def _remount(self, operation: Operation) -> int:
        if operation.op == "drop-caches":
            self.steps.append(Operate("drop-caches", ""))
            return len(self.steps) - 1
        if operation.op == "swap" and len(self.lowers) > 1:
            self.lowers[:2] = reversed(self.lowers[:2])
        self.state = rehearsal.remounted(self.state, operation)
        self.steps.append(Unmount("m"))
        self._mount()
        return len(self.steps) - 1

    def _finish(self) -> None:
        """The upper as a layer of another mount, by the same lowers."""
        conditions = replace(self.conditions, delegate=self.state.mounted.how.delegate)
        chosen = options(replace(self.case.setup, options=_read_only(self.case)), conditions)
        self.steps += (Unmount("m"), Mount("n", (self.upper, *self.lowers), "", chosen), Walk("n"))

    def read(self, results: Sequence[Result], sees: type[Seen]) -> Seen:
        """What the results of the job say."""
        steps = tuple(_step_seen(operation, where, results) for operation, where in self.done)
        return sees(self.start, as_tree(results[self.look]), steps, as_tree(results[-1]))


def _possible(operation: Operation, conditions: Conditions) -> Operation:
    """An operation without a switch that the kernel does not have, or that is not to be touched."""
    if conditions.feature and conditions.delegate:
        return operation
    return replace(operation, args=tuple(pair for pair in operation.args if pair[0] != "feature"))


class _Where:
    """Indices of an operation's results: its outcome, the two walks after it, and what is held then."""

    def __init__(
        self, call: int | None, look: int | None, held: tuple[tuple[Credentials, int, int], ...]
    ) -> None:
        self.call = call
        self.look = look
        self.held = held


def _step_seen(operation: Operation, where: _Where, results: Sequence[Result]) -> StepSeen:
    outcome = results[where.call] if where.call is not None else Outcome(0)
    assert isinstance(outcome, Outcome)
    held: dict[tuple[Credentials, int], Look] = {}
    for who, slot, at in where.held:
        answer = results[at]
        if isinstance(answer, Outcome) and isinstance(answer.value, tuple):
            mode, uid, gid, mtime = map(int, answer.value)
            held[who, slot] = (mode, uid, gid, mtime)
    if where.look is None:
        return StepSeen(operation, outcome.errno, None, None, held)
    view, upper = (as_tree(results[at]) for at in (where.look, where.look + 1))
    return StepSeen(operation, outcome.errno, view, upper, held)


def _read_only(case: Case) -> tuple[tuple[str, str], ...]:
    """The case's mount options that a mount without an upper heeds."""
    return tuple(
        (name, value) for name, value in case.setup.options if name in ("redirect_dir", "xino", "metacopy")
    )


def call(operation: Operation) -> Operate:
    """The system call of an operation on the mount ``m``."""
    arguments = program.arguments(operation)
    path = _inside(arguments.pop("path")) if "path" in arguments else ""
    match operation.op:
        case "chown":
            args: tuple[str | bytes | int, ...] = (arguments.get("uid", -1), arguments.get("gid", -1))
        case "utimens":
            args = (arguments["mtime"], arguments["mtime"]) if "mtime" in arguments else ()
        case "link" | "rename":
            args = (_inside(arguments.pop("to")), *arguments.values())
        case "setacl":
            return Operate("setxattr", path, _acl(arguments), operation.by)
        case _:
            args = tuple(arguments.values())
    return Operate(operation.op, path, args, operation.by)


def _inside(path: object) -> str:
    return f"m/{path}" if path else "m"


def _acl(arguments: dict[str, str | int]) -> tuple[str, bytes]:
    name = overlayfs.ACL_DEFAULT if arguments.get("type") == "default" else overlayfs.ACL_ACCESS
    return name, acl.parse(str(arguments["acl"]))
