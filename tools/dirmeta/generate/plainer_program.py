"""Programs with less to say: what the reducer tries of operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dirmeta.model import paths, program
from dirmeta.model.stack import Case, Credentials, Operation


def without_renames(case: Case) -> Iterator[Case]:
    """A rename that is never done; what comes after it is done under the old names."""
    for number, operation in enumerate(case.program):
        if operation.op == "rename":
            after = (_under_old_names(each, operation) for each in case.program[number + 1 :])
            yield replace(case, program=(*case.program[:number], *after))


def _under_old_names(operation: Operation, rename: Operation) -> Operation:
    given = program.arguments(rename)
    old, new = str(given["path"]), str(given["to"])
    args = tuple(
        (name, _moved(str(value), old, new)) if name in ("path", "to") else (name, value)
        for name, value in operation.args
    )
    return replace(operation, args=args)


def _moved(path: str, old: str, new: str) -> str:
    """Where something is if what is at `new` is still at `old`."""
    return old + path[len(new) :] if path == new or paths.below(path, new) else path


_NEW: Final = "new"


def at_a_new_place(case: Case) -> Iterator[Case]:
    """What is done at one path done where no layer has anything: who removes it first need not any more."""
    named = {str(value) for each in case.program for name, value in each.args if name in ("path", "to")}
    taken = {entry.path for layer in case.stack for entry in layer} | named
    if any(path == _NEW or paths.below(path, _NEW) for path in taken):
        return
    for path in sorted(filter(None, named)):
        move = Operation("rename", (("path", _NEW), ("to", path)))
        yield replace(case, program=tuple(_under_old_names(each, move) for each in case.program))


def plainer_operations(case: Case) -> Iterator[Case]:
    """One operation by somebody simpler, or without an argument that it can do without."""
    for number, operation in enumerate(case.program):
        for plain in _plainer(operation):
            yield replace(case, program=(*case.program[:number], plain, *case.program[number + 1 :]))


def _plainer(operation: Operation) -> Iterator[Operation]:
    who = operation.by
    simpler = (Credentials(), replace(who, groups=()), replace(who, gid=0), replace(who, drop=()))
    for each in dict.fromkeys(simpler):
        if each != who:
            yield replace(operation, by=each)
    optional = {name for name, _ in program.OPERATIONS[operation.op].optional}
    for pair in operation.args:
        if pair[0] in optional:
            yield replace(operation, args=tuple(other for other in operation.args if other != pair))
