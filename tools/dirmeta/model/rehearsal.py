"""A program followed on paper: what is mounted at first, and after each operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dirmeta.model import oracle, paths, program
from dirmeta.model.mounted import EMPTY, How, Mounted
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case, Credentials, Operation
from dirmeta.model.tree import Tree
from dirmeta.model.view import Place
from dirmeta.model.writer import Expected, Writer

Held = Mapping[tuple[Credentials, int], str | None]
"""(who opened it, its number) → the path of an open directory now; None once it is gone."""


@dataclass(frozen=True)
class State:
    """What a program goes by between two operations.

    changed  paths whose permissions were changed since they were mounted
    """

    mounted: Mounted
    read_only: bool = False
    held: Held = field(default_factory=dict)
    changed: frozenset[str] = frozenset()


def laid(case: Case) -> tuple[Sequence[Tree], Tree]:
    """The lower layers that a case's program is run on, lowest first, and the upper, as they lie on disk."""
    diffs = oracle.diff_directories(case)
    lowers, upper = (diffs[:-1], diffs[-1]) if case.setup.reused and diffs else (diffs, EMPTY)
    return lowers or [EMPTY], upper


def nested(case: Case) -> Sequence[Tree]:
    """The layers that are mounted as an overlay of their own, lowest first.

    None where the case asks for none, or where that would list whiteouts, which the mount over it takes for
    entries: it does not remove a directory that shows nothing (SPEC.md, facts of stock overlayfs).
    """
    lowers, _ = laid(case)
    below = lowers[:-1] if case.setup.nested else ()
    return () if any(_listed_whiteouts(below, case.setup.namespace)) else below


def _listed_whiteouts(diffs: Sequence[Tree], namespace: Namespace) -> Iterator[str]:
    """Paths of whiteouts in directories that merge with no other: overlayfs reads those as they are."""
    merging = oracle.merge(diffs, delegate=False, namespace=namespace).contributors
    alone = {places[0] for places in merging.values() if len(places) == 1}
    for layer, tree in enumerate(reversed(diffs)):
        for path, node in tree.items():
            if node.is_whiteout and Place(layer, paths.parent(path)) in alone:
                yield path


def begun(case: Case, how: How) -> State:
    """What a case's program starts from."""
    lowers, upper = laid(case)
    if below := nested(case):
        inner = oracle.merge(below, delegate=how.delegate, namespace=how.namespace, policies=how.policies)
        lowers = inner.tree, lowers[-1]
    return State(Mounted(tuple(lowers), upper, how))


def expected(state: State, operation: Operation, writer: type[Writer] = Writer) -> Expected:
    """What a system call has to come to; `writer` is a miniature kernel's to break."""
    mine = {slot: path for (who, slot), path in state.held.items() if who == operation.by}
    return writer(state.mounted, mine).do(operation)


def called(state: State, operation: Operation, upper: Tree, done: bool) -> State:
    """The state after a system call that left that in the upper."""
    mounted = state.mounted
    if upper != mounted.upper:
        mounted = replace(mounted, upper=upper)
    if not done:
        return replace(state, mounted=mounted)
    changed = state.changed | _changed(operation, state)
    return State(mounted, state.read_only, moved(state.held, operation), changed)


def _changed(operation: Operation, state: State) -> set[str]:
    if operation.op in ("chmod", "chown", "setacl"):
        return {program.path(operation)}
    if operation.op == "fchmod":
        path = state.held.get((operation.by, int(program.arguments(operation)["slot"])))
        return set() if path is None else {path}
    return set()


def moved(held: Held, operation: Operation) -> Held:
    """Where open directories are after an operation that was done."""
    arguments = program.arguments(operation)
    path = program.path(operation)
    if operation.op == "hold":
        return {**held, (operation.by, int(arguments["slot"])): path}
    if operation.op == "rmdir":
        return {key: None if at == path else at for key, at in held.items()}
    if operation.op == "rename":
        to, exchange = str(arguments["to"]), arguments.get("flags") == "exchange"
        return {key: _moved(at, path, to, exchange) for key, at in held.items()}
    return held


def _moved(at: str | None, path: str, to: str, exchange: bool) -> str | None:
    if at is None or path == to:
        return at
    if at == path or paths.below(at, path):
        return to + at[len(path) :]
    if at == to or paths.below(at, to):
        return path + at[len(to) :] if exchange else None
    return at


def remounted(state: State, operation: Operation) -> State:
    """The state after something done to the mount, which leaves nothing open."""
    if operation.op == "drop-caches":
        return replace(state, changed=frozenset())
    mounted, arguments = state.mounted, program.arguments(operation)
    feature = arguments.get("feature")
    if feature is not None:
        mounted = replace(mounted, how=replace(mounted.how, delegate=feature == "on"))
    if operation.op == "swap" and len(mounted.lowers) > 1:
        *rest, second, top = mounted.lowers
        mounted = replace(mounted, lowers=(*rest, top, second))
    access = arguments.get("access")
    return State(mounted, state.read_only if access is None else access == "ro")


def ended(case: Case, how: How) -> State:
    """The state after the last operation, if all goes as it has to."""
    *_, (state, _) = rehearsed(replace(case, program=(*case.program, Operation("remount"))), how)
    return state


def rehearsed(case: Case, how: How) -> Iterator[tuple[State, Expected | None]]:
    """The state before each operation, and what that comes to if all goes as it has to."""
    return followed(begun(case, how), case.program)


def followed(state: State, operations: Iterable[Operation]) -> Iterator[tuple[State, Expected | None]]:
    """As `rehearsed`, from a state."""
    for operation in operations:
        if not program.OPERATIONS[operation.op].call:
            yield state, None
            state = remounted(state, operation)
            continue
        answer = expected(state, operation)
        yield state, answer
        done = answer.number == 0 and not (state.read_only and operation.op in program.CHANGES)
        state = called(state, operation, answer.upper if done else state.mounted.upper, done)
