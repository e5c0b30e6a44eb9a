"""What is done in a program: one operation at a time, chosen from what the mount shows at that moment.

Each is written down with the names that its indices came to. None stands for none: where there is nothing to
do it to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.generate.people import is_telling, named, stranger
from dirmeta.generate.pools import DIRECTORY_MODES, pools
from dirmeta.generate.whereabouts import (
    NEW,
    anything,
    apart,
    below_root,
    child,
    directory,
    empty,
    free,
    something,
    sticky,
    were_delegated,
    with_acl,
)
from dirmeta.model import overlayfs, paths
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import MARK, PREFIX
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Credentials, Operation, Setup

BYTES: Final = 12
"""That `operation` reads."""
_MOUNTER: Final = Credentials()

Choose = Callable[[Choices, State, "Cast"], Operation | None]


class Cast:
    """Who acts in a program, and what the place that it runs in can do.

    actors    the mounter first, each as often as he is to act
    only_ask  whether little is changed, so that what is delegated stays so
    """

    def __init__(
        self, actors: Sequence[Credentials], limits: Limits, setup: Setup, *, only_ask: bool = False
    ) -> None:
        self.only_ask = only_ask
        self.actors = actors
        self.limits = limits
        self.setup = setup
        self.pool = pools(limits)
        volatile = ("volatile", "") in setup.options
        indexed = ("index", "on") in setup.options
        self.remounts = not volatile and not setup.room  # a mount makes a directory for its work
        self.swaps = self.remounts and not indexed
        self.writes = not (setup.room and indexed)  # any kernel loses a file's content then

    def who(self, choices: Choices, state: State, path: str) -> Credentials:
        """Anybody; if not the mounter, every second time somebody whom a path would treat otherwise without
        its mark, or if it were heeded, if there is one. Reads three bytes."""
        who, tells, which = choices.pick(self.actors), choices.chance(1, 2), choices.index(256)
        node, other = state.mounted.shows(path), state.mounted.otherwise(path)
        if who == _MOUNTER or not tells or node is None or other is None:
            return who
        telling = [each for each in self.actors if is_telling(each, node, other)]
        return telling[which % len(telling)] if telling else who


def operation(choices: Choices, state: State, cast: Cast) -> Operation | None:
    """What is done next. Reads at most `BYTES`."""
    choose = choices.pick(_CHOICES)
    if cast.only_ask:
        choose = _creates_with_an_acl if choices.chance(1, 8) else _asks_below_an_acl
        return choose(choices, state, cast)
    if state.read_only and choices.chance(1, 3):
        return _op("remount", access="rw")
    if cast.limits.switches and not state.mounted.how.delegate and choices.chance(1, 3):
        return _op("remount", feature="on")
    return choose(choices, state, cast)


def _op(op: str, by: Credentials | None = None, **args: str | int) -> Operation:
    return Operation(op, tuple(args.items()), by or Credentials())


def _reads(choices: Choices, state: State, cast: Cast) -> Operation:
    path = directory(choices, state)
    if choices.chance(1, 6):
        path = anything(choices, state)
    return _op("read", cast.who(choices, state, path), path=path)


def _asks(choices: Choices, state: State, cast: Cast) -> Operation:
    bits, path = 1 + choices.index(7), anything(choices, state)
    return _op("access", cast.who(choices, state, path), path=path, bits=bits)


def _asks_below_an_acl(choices: Choices, state: State, cast: Cast) -> Operation:
    """Of two that ask, one is whom the ACL names."""
    bits, above = 1 + choices.index(7), with_acl(choices, state)
    path, is_named = child(choices, state, above), choices.chance(1, 2)
    anybody = cast.who(choices, state, above)
    who = named(state.mounted.view.tree[above], cast.limits) if is_named else anybody
    return _op("access", who, path=path, bits=bits)


_FILE_MODES: Final = (0o644, 0o600, 0o777, 0o2775, 0o6755, 0o2644)


def _creates(choices: Choices, state: State, cast: Cast) -> Operation:
    mode, path = choices.pick(_FILE_MODES), free(choices, state)
    return _op("create", cast.who(choices, state, paths.parent(path)), path=path, mode=mode)


def _creates_with_an_acl(choices: Choices, state: State, cast: Cast) -> Operation:
    """In a directory with a default ACL, if any has one."""
    mode, above = choices.pick((0o644, 0o600, 0o777)), with_acl(choices, state, overlayfs.ACL_DEFAULT)
    path = paths.join(above, choices.pick(NEW))
    return _op("create", cast.who(choices, state, above), path=path, mode=mode)


def _makes(choices: Choices, state: State, cast: Cast) -> Operation:
    mode, path = choices.pick((0o755, 0o700, 0o1777)), free(choices, state)
    return _op("mkdir", cast.who(choices, state, paths.parent(path)), path=path, mode=mode)


def _links(choices: Choices, state: State, cast: Cast) -> Operation | None:
    to = free(choices, state)
    who = cast.who(choices, state, paths.parent(to))
    if choices.chance(1, 2):
        return _op("symlink", who, path=to, target="f")
    path = something(choices, state)
    return _op("link", who, path=path, to=to) if path else None


def _writes(choices: Choices, state: State, cast: Cast) -> Operation | None:
    files = sorted(path for path, node in state.mounted.view.tree.items() if node.kind == "file")
    path = anything(choices, state) if not files or choices.chance(1, 6) else choices.pick(files)
    if not cast.writes:
        return None
    return _op("write", cast.who(choices, state, paths.parent(path)), path=path, content="written")


def _removes(choices: Choices, state: State, cast: Cast) -> Operation | None:
    return _removed(choices, state, cast, directory(choices, state))


def _removes_in_sticky(choices: Choices, state: State, cast: Cast) -> Operation | None:
    """Every second time by somebody who owns nothing there."""
    operation = _removed(choices, state, cast, sticky(choices, state))
    if operation is None or choices.chance(1, 2):
        return operation
    return replace(operation, by=stranger(cast.limits))


def _recreates(choices: Choices, state: State, cast: Cast) -> Operation | None:
    """Removes an empty directory, and makes one again where one was in which marks mattered."""
    mode, gone = choices.pick((0o755, 0o700, 0o1777)), were_delegated(state)
    path = choices.pick(gone) if gone else empty(choices, state)
    if not path:
        return None
    who = cast.who(choices, state, paths.parent(path))
    return _op("mkdir", who, path=path, mode=mode) if gone else _op("rmdir", who, path=path)


def _removed(choices: Choices, state: State, cast: Cast, above: str) -> Operation | None:
    path = child(choices, state, above)
    if not path:
        return None
    is_directory = state.mounted.view.tree[path].kind == "directory"
    op = "rmdir" if is_directory != choices.chance(1, 8) else "unlink"
    return _op(op, cast.who(choices, state, paths.parent(path)), path=path)


def _renames(choices: Choices, state: State, cast: Cast) -> Operation | None:
    way = choices.index(4)
    above = sticky(choices, state) if way == 3 else directory(choices, state)
    path = child(choices, state, above) if way else above
    to = choices.pick(NEW) if choices.chance(1, 2) else free(choices, state)
    return _renamed(choices, cast.who(choices, state, paths.parent(path)), path, to) if path else None


def _renamed(choices: Choices, who: Credentials, path: str, to: str) -> Operation:
    """Every third time only if nothing is there, which asks another system call for the same."""
    flags = {"flags": "noreplace"} if choices.chance(1, 3) else {}
    return _op("rename", who, path=path, to=to, **flags)


def _replaces(choices: Choices, state: State, cast: Cast) -> Operation | None:
    flags = choices.pick(("exchange", "", "noreplace"))
    path, to = something(choices, state), anything(choices, state)
    if not path or not to:
        return None
    who = cast.who(choices, state, paths.parent(path))
    return _op("rename", who, path=path, to=to, **({"flags": flags} if flags else {}))


def _exchanges(choices: Choices, state: State, cast: Cast) -> Operation | None:
    path = below_root(choices, state)
    others = [each for each in apart(state, path) if each]
    if not path or not others:
        return None
    to = choices.pick(others)
    who = _MOUNTER if choices.chance(1, 2) else cast.who(choices, state, path)
    return _op("rename", who, path=path, to=to, flags="exchange")


def _moves(choices: Choices, state: State, cast: Cast) -> Operation | None:
    path = below_root(choices, state)
    others = [each for each in apart(state, path) if each != paths.parent(path)]
    if not path or not others:
        return None
    to = paths.join(choices.pick(others), choices.pick(NEW))
    return _renamed(choices, cast.who(choices, state, path), path, to)


def _chmods(choices: Choices, state: State, cast: Cast) -> Operation:
    mode, path = choices.pick(DIRECTORY_MODES), directory(choices, state)
    return _op("chmod", cast.who(choices, state, path), path=path, mode=mode)


def _chowns(choices: Choices, state: State, cast: Cast) -> Operation:
    path = anything(choices, state)
    who = cast.who(choices, state, path)
    uid, gid = choices.pick(cast.pool.owners)
    gid = choices.pick((gid, who.gid, *who.groups))
    given = choices.pick(({"uid": uid}, {"gid": gid}, {"uid": uid, "gid": gid}, {"gid": gid}))
    return _op("chown", who, path=path, **given)


def _times(choices: Choices, state: State, cast: Cast) -> Operation:
    path = anything(choices, state)
    who = cast.who(choices, state, path)
    if choices.chance(1, 2):
        return _op("utimens", who, path=path)
    return _op("utimens", who, path=path, mtime=choices.pick(cast.pool.times))


_XATTRS: Final[tuple[tuple[str, Callable[[Choices, State], str]], ...]] = (
    ("user.a", something), ("mark", directory), ("user.new", sticky), ("mark", directory),
    ("other", something), ("user.a", sticky), ("user.new", something),
)  # fmt: skip


def _xattrs(choices: Choices, state: State, cast: Cast) -> Operation:
    mark = PREFIX[cast.setup.namespace] + MARK
    other = "trusted.t" if cast.limits.trusted else "user.b"
    name, where = choices.pick(_XATTRS)
    path = where(choices, state)
    name = {"mark": mark, "other": other}.get(name, name)
    who = cast.who(choices, state, path)
    if choices.chance(1, 3):
        there = [each for each, _ in state.mounted.view.tree[path].xattrs if each not in overlayfs.ACLS]
        return _op("removexattr", who, path=path, name=choices.pick(there) if there else name)
    return _op("setxattr", who, path=path, name=name, value="y")


def _marks(choices: Choices, state: State, cast: Cast) -> Operation:
    path = directory(choices, state)
    mark = PREFIX[cast.setup.namespace] + MARK
    return _op("setxattr", _MOUNTER, path=path, name=mark, value="y")


def _acls(choices: Choices, state: State, cast: Cast) -> Operation | None:
    what = choices.index(8)
    path = something(choices, state) if what == 0 else directory(choices, state)
    if not cast.limits.acls:
        return None
    who = cast.who(choices, state, path)
    if what in (1, 2):
        name = overlayfs.ACL_ACCESS if what == 1 else overlayfs.ACL_DEFAULT
        return _op("removexattr", who, path=path, name=name)
    first = 7 if cast.limits.ids is None else cast.limits.ids[-1]
    text = choices.pick(
        (f"u::rwx,u:{first}:rwx,g::r-x,m::rwx,o::---", "u::rwx,g::r-x,o::r-x", "u::rwx,g::---,o::---")
    )
    if what in (0, 3, 4):
        return _op("setacl", who, path=path, acl=text, type="default")
    return _op("setacl", who, path=path, acl=text)


def _holds(choices: Choices, state: State, cast: Cast) -> Operation:
    """What is held of a directory that is gone is let be (SPEC.md, facts of stock overlayfs)."""
    slot, what = choices.index(2), choices.index(8)
    path = something(choices, state) if what == 6 else directory(choices, state)
    who = cast.who(choices, state, path)
    there = [held for held, at in state.held.items() if at is not None]
    if what < 5 and there:
        who, slot = choices.pick(there)
    elif what != 7 or (who, slot) in state.held:
        return _op("hold", who, path=path, slot=slot)
    return _op("fchmod", who, slot=slot, mode=choices.pick(DIRECTORY_MODES))


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
    if how in (3, 4) and cast.limits.switches:
        return _op("remount", feature="off" if state.mounted.how.delegate else "on")
    return _op("remount")


_CHOICES: Final[tuple[Choose, ...]] = (
    _creates, _chmods, _removes, _asks_below_an_acl, _renames, _reads, _makes, _acls, _times, _xattrs,
    _chowns, _asks, _asks_below_an_acl, _removes_in_sticky, _creates, _moves, _replaces, _chmods, _holds,
    _remounts, _writes, _links, _renames, _moves, _exchanges, _makes, _xattrs, _marks, _exchanges,
    _removes_in_sticky, _chowns, _recreates, _recreates,
)  # fmt: skip
"""From simple to complex; what is worth more comes more than once."""
