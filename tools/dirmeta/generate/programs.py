"""Strategies for programs: what is done to a mounted stack, and by whom.

Every operation is chosen from what the mount shows at that moment, by indices that wrap, and is written down
with the names that they came to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import doings, people, private, strategies, wellformed
from dirmeta.generate.choices import Choices
from dirmeta.generate.doings import Cast
from dirmeta.generate.founded import FOUNDED, ROOTED, founded, rooted
from dirmeta.generate.placeholders import PLACEHOLDERS, with_placeholders
from dirmeta.generate.pools import pools
from dirmeta.model import program, rehearsal
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import drawn_for
from dirmeta.model.overlayfs import Option
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Case, Layer, Operation, Setup, Stack

OPERATIONS: Final = 50
"""The most that a program has."""
_SETUP: Final = 9
_STACK: Final = wellformed.STACK_SIZE + FOUNDED + private.MARKS_SIZE + PLACEHOLDERS + ROOTED
_ROOM: Final = 4
"""The most inodes that a cramped upper has room for: copying one directory up takes two."""
_SET_ASIDE: Final = 8
"""Inodes that most mounts leave of those that are there for their own directories and for xattrs."""


def cases(
    limits: Limits,
    *,
    mounter: int,
    reused: bool = False,
    cramped: bool = False,
    only_ask: bool = False,
) -> SearchStrategy[Case]:
    """Cases with a program of up to `OPERATIONS` operations.

    mounter  how many of eight operations are done by the mounter with all his capabilities
    reused   the topmost layer is the upper
    cramped  the upper's file system is soon full; every second time the topmost layer is the upper
    only_ask whether somebody does little but ask what he may, below directories with ACLs
    """
    size = _SETUP + _STACK + people.PEOPLE + 1 + OPERATIONS * doings.BYTES
    build = partial(_case, limits=limits, mounter=mounter, reused=reused, cramped=cramped, only_ask=only_ask)
    return strategies.drawn(size, build)


def lacks_room_to_fill(limits: Limits) -> str:
    """Why no upper's file system can be filled in such a place, or nothing."""
    backing = limits.backings[0]
    if backing == "tmpfs":
        return ""
    return f"only a tmpfs (with xattrs, Linux 6.6) can be made that is soon full, and layers lie on {backing}"


def _case(
    choices: Choices, *, limits: Limits, mounter: int, reused: bool, cramped: bool, only_ask: bool
) -> Case:
    setup = _setup(choices.part(_SETUP), limits, reused=reused, cramped=cramped)
    case = Case(_stack(choices.part(_STACK), setup, limits), setup)
    case = replace(case, setup=replace(setup, nested=bool(rehearsal.nested(case))))
    state = rehearsal.begun(case, drawn_for(case.setup, limits))
    actors = people.actors(choices.part(people.PEOPLE), state, limits, mounter)
    count = 1 + choices.index(OPERATIONS)
    cast = Cast(actors, limits, setup, only_ask=only_ask)
    operations = _operations(choices, state, cast, count)
    return replace(case, program=(*_filling(setup), *operations))


def _filling(setup: Setup) -> tuple[Operation, ...]:
    """Files that take the room of an upper whose directories are there already, and are yet to be given their
    metadata; the last of them find none."""
    if not (setup.room and setup.reused):
        return ()
    count = setup.room + _SET_ASIDE
    return tuple(Operation("create", (("path", f"full{number}"), ("mode", 0o644))) for number in range(count))


def _stack(choices: Choices, setup: Setup, limits: Limits) -> Stack:
    # A directory that only whiteouts which are files have emptied shows nothing, and can not be removed.
    limits = limits._replace(xwhiteouts=False)
    pool, namespace = pools(limits), setup.namespace
    of_roots = choices.part(ROOTED)
    stack = wellformed.stack(choices.part(wellformed.STACK_SIZE), pool, 3)
    stack = founded(choices.part(FOUNDED), stack, pool)
    marks = choices.part(private.MARKS_SIZE)
    stack = private.marked(marks, stack, namespace, limits, private.forms(limits))
    stack = _without_hardlinks(with_placeholders(choices, stack, namespace, limits, pool))
    return rooted(of_roots, stack, namespace, limits, pool) if setup.reused else stack


def _without_hardlinks(stack: Stack) -> Stack:
    """With index=on, a change to one lower name of a file is one to all; programs are about directories."""
    return tuple(Layer(tuple(entry for entry in layer if entry.kind != "hardlink")) for layer in stack)


_WRITING: Final[tuple[tuple[Option, ...], ...]] = (
    (),
    (("redirect_dir", "on"),),
    (),
    (("redirect_dir", "on"),),
    (("index", "on"),),
    (("redirect_dir", "on"), ("index", "on"), ("xino", "on")),
    (("xino", "on"),),
    (("index", "on"), ("nfs_export", "on")),
    (("uuid", "on"),),
    (("default_permissions", ""),),
    (("volatile", ""),),
    (("redirect_dir", "on"), ("uuid", "null")),
)
"""Mount options that writing has to do with; those that a kernel refuses are left out."""


def _setup(choices: Choices, limits: Limits, *, reused: bool, cramped: bool) -> Setup:
    namespace = choices.pick(limits.namespaces)
    wanted = choices.pick(_WRITING)
    options = tuple(option for option in wanted if (namespace, option) not in limits.refused)
    if ("index", "on") not in options or namespace == "user":  # of user.* xattrs, its index is lost
        options = tuple(option for option in options if option[0] != "nfs_export")
    room = 1 + choices.index(_ROOM) if cramped else 0
    reused = reused or (cramped and choices.chance(1, 2))
    elsewhere = choices.chance(1, 6) and not cramped
    return Setup(
        namespace,
        layout="model",
        upper=True,
        reused=reused,
        options=options,
        backing=choices.pick(limits.backings) if elsewhere else limits.backings[0],
        room=room,
        nested=choices.chance(1, 6) and limits.nested_acls,
    )


def _operations(choices: Choices, state: State, cast: Cast, count: int) -> Iterator[Operation]:
    for _ in range(count):
        operation = doings.operation(choices.part(doings.BYTES), state, cast)
        if operation is None:
            continue
        yield operation
        if not program.OPERATIONS[operation.op].call:
            state = rehearsal.remounted(state, operation)
            continue
        answer = rehearsal.expected(state, operation)
        done = answer.number == 0 and not (state.read_only and operation.op in program.CHANGES)
        state = rehearsal.called(state, operation, answer.upper if done else state.mounted.upper, done)
