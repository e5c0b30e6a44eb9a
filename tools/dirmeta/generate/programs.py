"""Strategies for programs: what is done to a mounted stack, and by whom.

Every operation is chosen from what the mount shows at that moment, by indices that wrap, and is written down
with the names that they came to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import private, strategies, wellformed
from dirmeta.generate.choices import Choices
from dirmeta.generate.founded import FOUNDED, founded
from dirmeta.generate.pools import DIRECTORY_MODES, pools
from dirmeta.model import acl, paths, program, rehearsal
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import How
from dirmeta.model.overlayfs import MARK, PREFIX, Option
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Case, Credentials, Layer, Operation, Setup, Stack
from dirmeta.model.tree import Node

OPERATIONS: Final = 50
"""The most that a program has."""
_BYTES: Final = 7
"""Of each operation."""
_SETUP: Final = 8
_ACTORS: Final = 6
_STRANGER: Final = 4711
_ROOM: Final = 8
"""The most inodes that a cramped upper has room for."""
_UNABLE: Final = ("dac_override", "dac_read_search", "fowner", "chown", "fsetid")

Choose = Callable[[Choices, State, "Cast"], Operation | None]


class Cast:
    """Who acts in a program, and what the place that it runs in can do.

    actors  the mounter first; often: how many of them are the mounter, of `often` in all
    """

    def __init__(self, actors: Sequence[Credentials], limits: Limits, setup: Setup) -> None:
        self.actors = actors
        self.limits = limits
        self.setup = setup
        self.pool = pools(limits)
        volatile = ("volatile", "") in setup.options
        indexed = ("index", "on") in setup.options
        self.remounts = not volatile and not setup.room  # a mount makes a directory for its work
        self.swaps = self.remounts and not indexed

    def who(self, choices: Choices) -> Credentials:
        return choices.pick(self.actors)


def cases(
    limits: Limits, *, mounter: int, reused: bool = False, cramped: bool = False
) -> SearchStrategy[Case]:
    """Cases with a program of up to `OPERATIONS` operations.

    mounter  how many of eight operations are done by the mounter with all his capabilities
    reused   the topmost layer is the upper
    cramped  the upper's file system is soon full
    """
    stack = wellformed.STACK_SIZE + FOUNDED + private.MARKS_SIZE
    size = _SETUP + stack + 2 * _ACTORS + 1 + OPERATIONS * _BYTES
    return strategies.drawn(size, partial(_case, limits=limits, mounter=mounter, reused=reused, cramped=cramped))


def _case(choices: Choices, *, limits: Limits, mounter: int, reused: bool, cramped: bool) -> Case:
    setup = _setup(choices.part(_SETUP), limits, reused=reused)
    if cramped:
        setup = replace(setup, room=1 + choices.index(_ROOM))
    stack = wellformed.stack(choices.part(wellformed.STACK_SIZE), pools(limits), 3)
    stack = founded(choices.part(FOUNDED), stack, pools(limits))
    marks = choices.part(private.MARKS_SIZE)
    # A directory that only whiteouts which are files have emptied shows nothing, and can not be removed.
    limits = limits._replace(xwhiteouts=False)
    stack = private.marked(marks, stack, setup.namespace, limits, private.forms(limits))
    case = Case(_without_hardlinks(stack), setup)
    state = rehearsal.begun(case, How(True, setup.namespace, options=frozenset(setup.options)))
    actors = _actors(choices.part(2 * _ACTORS), state, limits, mounter)
    count = 1 + choices.index(OPERATIONS)
    operations = _operations(choices, state, Cast(actors, limits, setup), count)
    return replace(case, program=tuple(operations))


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


def _setup(choices: Choices, limits: Limits, *, reused: bool) -> Setup:
    namespace = choices.pick(limits.namespaces)
    wanted = choices.pick(_WRITING)
    options = tuple(option for option in wanted if (namespace, option) not in limits.refused)
    if ("index", "on") not in options or namespace == "user":  # of user.* xattrs, its index is lost
        options = tuple(option for option in options if option[0] != "nfs_export")
    backing = limits.backings[0]
    return Setup(namespace, layout="model", upper=True, reused=reused, options=options, backing=backing)


def _actors(choices: Choices, state: State, limits: Limits, mounter: int) -> tuple[Credentials, ...]:
    """The mounter, `mounter` times in eight; and somebody with a relation to what is mounted."""
    nodes = [state.mounted.view.tree[path] for path in _directories(state)]
    others = [_related(choices, choices.pick(nodes), limits) for _ in range(3)]
    others.append(Credentials(drop=_UNABLE))
    return tuple([Credentials()] * mounter + [others[n % len(others)] for n in range(8 - mounter)])


def _related(choices: Choices, node: Node, limits: Limits) -> Credentials:
    """The owner of something, a member of its group, somebody that its ACL names, or a stranger."""
    stranger = _STRANGER if limits.ids is None else (limits.ids[-1] if limits.ids else 0)
    relation = choices.index(6)
    named = _named(node)
    if relation in (0, 5):
        who = Credentials(node.uid, stranger)
    elif relation == 1:
        who = Credentials(stranger, node.gid)
    elif relation == 2:
        who = Credentials(stranger, stranger, (node.gid,))
    elif relation == 3 and named:
        who = named
    else:
        who = Credentials(stranger, stranger)
    return replace(who, drop=_UNABLE) if who.uid == 0 else who


def _named(node: Node) -> Credentials | None:
    for name, value in node.xattrs:
        if name.startswith("system.posix_acl_"):
            for line in acl.unpack(value):
                if line.tag == acl.USER:
                    return Credentials(line.ident, _STRANGER)
                if line.tag == acl.GROUP:
                    return Credentials(_STRANGER, line.ident)
    return None


def _operations(choices: Choices, state: State, cast: Cast, count: int) -> Iterator[Operation]:
    for _ in range(count):
        operation = _operation(choices.part(_BYTES), state, cast)
        if operation is None:
            continue
        yield operation
        if not program.OPERATIONS[operation.op].call:
            state = rehearsal.remounted(state, operation)
            continue
        answer = rehearsal.expected(state, operation)
        done = answer.number == 0 and not (state.read_only and operation.op in program.CHANGES)
        state = rehearsal.called(state, operation, answer.upper if done else state.mounted.upper, done)


def _operation(choices: Choices, state: State, cast: Cast) -> Operation | None:
    choose = choices.pick(_CHOICES)
    if state.read_only and choices.chance(1, 3):
        return _op("remount", access="rw")
    return choose(choices, state, cast)


def _op(op: str, by: Credentials | None = None, **args: str | int) -> Operation:
    return Operation(op, tuple(args.items()), by or Credentials())


# Where something is done.


def _directories(state: State) -> list[str]:
    """All that show, the root last."""
    return [*sorted(path for path in state.mounted.view.contributors if path), paths.ROOT]


def _directory(choices: Choices, state: State) -> str:
    """A directory, two times of three one that shows another's metadata."""
    every = _directories(state)
    delegated = [path for path in every if state.mounted.is_delegated(path)]
    if delegated and not choices.chance(1, 3):
        return choices.pick(delegated)
    return choices.pick(every)


def _below_root(choices: Choices, state: State) -> str:
    """A directory other than the root, if there is one."""
    path = _directory(choices, state)
    return path or next(iter(_directories(state)))


def _something(choices: Choices, state: State) -> str | None:
    """Anything that shows, every second time a directory."""
    if choices.chance(1, 2):
        return _below_root(choices, state) or None
    every = sorted(path for path in state.mounted.view.tree if path)
    return choices.pick(every) if every else None


def _child(choices: Choices, state: State) -> str | None:
    """Something in a directory, every second time one that shows another's metadata."""
    directory = _directory(choices, state)
    children = sorted(path for path in state.mounted.view.tree if path and paths.parent(path) == directory)
    return choices.pick(children) if children else _something(choices, state)


_NEW: Final = ("new", "b", "f")


def _free(choices: Choices, state: State) -> str:
    """A name that is not there; every second time one that was, if any was."""
    gone = sorted(path for path, node in state.mounted.upper.items() if node.is_whiteout)
    if gone and choices.chance(1, 2):
        return choices.pick(gone)
    return paths.join(_directory(choices, state), choices.pick(_NEW))


# What is done.


def _reads(choices: Choices, state: State, cast: Cast) -> Operation:
    return _op("read", cast.who(choices), path=_directory(choices, state))


def _asks(choices: Choices, state: State, cast: Cast) -> Operation | None:
    who, bits = cast.who(choices), 1 + choices.index(7)
    path = _something(choices, state)
    return None if path is None else _op("access", who, path=path, bits=bits)


def _creates(choices: Choices, state: State, cast: Cast) -> Operation:
    mode = choices.pick((0o644, 0o600, 0o777))
    return _op("create", cast.who(choices), path=_free(choices, state), mode=mode)


def _makes(choices: Choices, state: State, cast: Cast) -> Operation:
    mode = choices.pick((0o755, 0o700, 0o1777))
    return _op("mkdir", cast.who(choices), path=_free(choices, state), mode=mode)


def _links(choices: Choices, state: State, cast: Cast) -> Operation | None:
    who, to = cast.who(choices), _free(choices, state)
    if choices.chance(1, 2):
        return _op("symlink", who, path=to, target="f")
    path = _something(choices, state)
    return None if path is None else _op("link", who, path=path, to=to)


def _writes(choices: Choices, state: State, cast: Cast) -> Operation | None:
    files = sorted(path for path, node in state.mounted.view.tree.items() if node.kind == "file")
    if not files:
        return None
    return _op("write", cast.who(choices), path=choices.pick(files), content="written")


def _removes(choices: Choices, state: State, cast: Cast) -> Operation | None:
    who, path = cast.who(choices), _child(choices, state)
    if path is None:
        return None
    directory = state.mounted.view.tree[path].kind == "directory"
    return _op("rmdir" if directory != choices.chance(1, 8) else "unlink", who, path=path)


def _renames(choices: Choices, state: State, cast: Cast) -> Operation | None:
    who, way = cast.who(choices), choices.index(4)
    path = _child(choices, state) if way % 2 else _below_root(choices, state)
    if not path:
        return None
    to, flags = "", ""
    if way < 2:
        to = choices.pick(_NEW) if choices.chance(1, 2) else _free(choices, state)
    else:
        to, flags = _something(choices, state) or "", choices.pick(("exchange", "", "noreplace"))
    if not to:
        return None
    return _op("rename", who, path=path, to=to, **({"flags": flags} if flags else {}))


def _chmods(choices: Choices, state: State, cast: Cast) -> Operation:
    who, mode = cast.who(choices), choices.pick(DIRECTORY_MODES)
    return _op("chmod", who, path=_below_root(choices, state), mode=mode)


def _chowns(choices: Choices, state: State, cast: Cast) -> Operation | None:
    who = cast.who(choices)
    uid, gid = choices.pick(cast.pool.owners)
    which = choices.index(3)
    path = _something(choices, state)
    if path is None:
        return None
    given = {"uid": uid} if which != 1 else {}
    return _op("chown", who, path=path, **given, **({"gid": gid} if which else {}))


def _times(choices: Choices, state: State, cast: Cast) -> Operation | None:
    who, path = cast.who(choices), _something(choices, state)
    if path is None:
        return None
    if choices.chance(1, 2):
        return _op("utimens", who, path=path)
    return _op("utimens", who, path=path, mtime=choices.pick(cast.pool.times))


def _xattrs(choices: Choices, state: State, cast: Cast) -> Operation | None:
    who = cast.who(choices)
    mark = PREFIX[cast.setup.namespace] + MARK
    names = ["user.a", mark, "user.new", mark]
    names += ["trusted.t"] if cast.limits.trusted else []
    name = choices.pick(names)
    path = _below_root(choices, state) if name == mark else _something(choices, state)
    if not path:
        return None
    if choices.chance(1, 3):
        return _op("removexattr", who, path=path, name=name)
    return _op("setxattr", who, path=path, name=name, value="y")


def _acls(choices: Choices, state: State, cast: Cast) -> Operation | None:
    if not cast.limits.acls:
        return None
    first = 7 if cast.limits.ids is None else cast.limits.ids[-1]
    text = choices.pick(
        (f"u::rwx,u:{first}:rwx,g::r-x,m::rwx,o::---", "u::rwx,g::r-x,o::r-x", "u::rwx,g::---,o::---")
    )
    path, who = _below_root(choices, state), cast.who(choices)
    if choices.chance(1, 3):
        return _op("setacl", who, path=path, acl=text, type="default")
    return _op("setacl", who, path=path, acl=text)


def _holds(choices: Choices, state: State, cast: Cast) -> Operation:
    who, slot = cast.who(choices), choices.index(2)
    if (who, slot) in state.held and not choices.chance(1, 3):
        return _op("fchmod", who, slot=slot, mode=choices.pick(DIRECTORY_MODES))
    return _op("hold", who, path=_below_root(choices, state), slot=slot)


def _remounts(choices: Choices, state: State, cast: Cast) -> Operation | None:
    how = choices.index(8)
    if how == 7 and cast.limits.caches:
        return _op("drop-caches")
    if not cast.remounts:
        return None
    if how == 6 and cast.swaps:
        return _op("swap")
    if how == 5:
        return _op("remount", access="ro")
    if how in (3, 4):
        return _op("remount", feature="off" if state.mounted.how.delegate else "on")
    return _op("remount")


_CHOICES: Final[tuple[Choose, ...]] = (
    _creates, _chmods, _removes, _asks, _renames, _reads, _makes, _acls, _times, _xattrs, _chowns, _asks,
    _removes, _creates, _renames, _chmods, _holds, _remounts, _writes, _links, _renames, _makes,
)  # fmt: skip
"""From simple to complex; what is worth more comes more than once."""
