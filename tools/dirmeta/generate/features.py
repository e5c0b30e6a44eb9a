"""Which preconditions of rules a case meets, so that a run can say what it covered."""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import lru_cache
from itertools import pairwise
from typing import Final

from dirmeta.generate.glance import Glance, glances
from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import Entry, Kind, Xattrs
from dirmeta.model.overlayfs import (
    ESCAPED_MARK,
    MARK,
    OPAQUE,
    OTHER,
    PREFIX,
    REDIRECT,
    XWHITEOUTS,
    YES,
    Namespace,
)
from dirmeta.model.stack import Case

OF_LAYERS: Final = frozenset((
    "implied directory", "nested implied directory", "explicit directory", "file before its parent",
    "late explicit entry", "odd spelling", "absolute name", "hardlink", "symlink", "device", "fifo",
    "whiteout", "implied by a whiteout", "opaque marker", "opaque marker without entry",
    "opaque marker with entry", "replaced path", "replaced path without entry", "special bits",
    "setgid parent of implied", "default acl parent of implied", "acl", "xattr", "whole metadata",
    "time before 1970", "time beyond 2038", "fraction of a second", "long path", "odd name",
    "root entry", "root opaque marker", "empty layer", "malformed", "forged xattr", "mark by hand",
    "other namespace's mark", "escaped mark", "odd mark value", "mark on non-directory", "xwhiteouts",
    "redirect", "too long a component", "deep chain",
))  # fmt: skip
"""What the stream of one layer has."""
DEEP: Final = 20
"""So many directories above an entry are deep."""
_SEVERAL: Final = "several layers"
_ACROSS: Final = frozenset((
    "re-declared parent", "explicit elsewhere", "whiteout over implied",
    "emptied implied directory", "non-directory over directory", "directory over non-directory",
    "same entries in another order",
))  # fmt: skip
"""What layers have that lie over each other."""
_OF_MARKS: Final = frozenset((
    "unmarked below marked", "unmarked deep below marked", "all marked", "marked below unmarked",
    "barrier below marked", "opaque below marked", "opaque and marked", "acl below marked", "marked root",
))  # fmt: skip
"""What marked and unmarked directories are to each other."""
_OF_SETUP: Final = frozenset((
    "userxattr", "upper", "umask", "delegate off", "mount option", "data-only",
    "over a hundred layers", "mark out of reach",
))  # fmt: skip
FEATURES: Final = OF_LAYERS | {_SEVERAL} | _ACROSS | _OF_MARKS | _OF_SETUP
"""All names that `features` may give."""

_SECOND: Final = 1_000_000_000
_LATE: Final = (1 << 31) * _SECOND


def features(case: Case, asked: Set[str] = FEATURES) -> Set[str]:
    """Which of the features that are asked for a case has, some of `FEATURES`.

    What is said of marks counts as overlayfs merges; only the paths of redirects are not followed.
    """
    found: set[str] = set()
    looks = glances(case)
    if not OF_LAYERS.isdisjoint(asked):
        _of_layers(looks, case, found)
    if len(looks) > 1:
        found.add(_SEVERAL)
        if not _ACROSS.isdisjoint(asked):
            found.update(_across(looks))
    if not _OF_MARKS.isdisjoint(asked):
        found.update(_of_marks(looks))
    if not _OF_SETUP.isdisjoint(asked):
        found.update(_of_setup(case))
    return found & asked


def _of_layers(looks: list[Glance], case: Case, found: set[str]) -> None:
    for look in looks:
        for entry in look.entries:
            _of_entry(entry, case.setup.namespace, found)
        _of_layer(look, found)
    if case.setup.layout == "model":
        found.discard("forged xattr")
    if case.malformed:
        found.add("malformed")
        if f"over {paths.NAME_MAX} bytes" in case.malformed:
            found.add("too long a component")
    if any(entry.place.count("/") >= DEEP for look in looks for entry in look.entries):
        found.add("deep chain")


_KINDS: Final = {
    "directory": "explicit directory", "hardlink": "hardlink", "symlink": "symlink", "char": "device",
    "block": "device", "fifo": "fifo", "whiteout": "whiteout", "opaque": "opaque marker",
}  # fmt: skip


# Names, times and sets of xattrs come from small pools, so what is said of each is said once.


@lru_cache(maxsize=1 << 14)
def _of_name(name: str, kind: Kind) -> frozenset[str]:
    found = {_KINDS[kind]} if kind in _KINDS else set()
    place = paths.clean(name)
    if place == paths.ROOT:
        found.add("root entry")
    elif name.rstrip("/") != place:
        found.add("absolute name" if name.startswith("/") else "odd spelling")
    elif kind == "directory" and not name.endswith("/"):
        found.add("odd spelling")
    if kind == "opaque" and paths.parent(place) == paths.ROOT:
        found.add("root opaque marker")
    if len(place) > 100:
        found.add("long path")
    if not name.isascii() or not name.isprintable():
        found.add("odd name")
    return frozenset(found)


@lru_cache(maxsize=1 << 12)
def _of_time(mtime: int) -> frozenset[str]:
    found = {"fraction of a second"} if mtime % _SECOND else set()
    if mtime < 0:
        found.add("time before 1970")
    elif mtime >= _LATE:
        found.add("time beyond 2038")
    return frozenset(found)


@lru_cache(maxsize=1 << 12)
def _of_xattrs(xattrs: Xattrs, namespace: Namespace, is_directory: bool) -> frozenset[str]:
    found: set[str] = set()
    own, other = PREFIX[namespace], PREFIX[OTHER[namespace]]
    for name, value in xattrs:
        if name in overlayfs.ACLS:
            found.add("acl")
        elif not name.startswith((own, other)):
            found.add("xattr")
        else:
            found.add("forged xattr")
        if name == own + MARK and is_directory:
            found.add("mark by hand" if value == YES else "odd mark value")
        elif name == own + MARK:
            found.add("mark on non-directory")
        elif name == other + MARK:
            found.add("other namespace's mark")
        elif name == own + ESCAPED_MARK:
            found.add("escaped mark")
        elif name == own + REDIRECT:
            found.add("redirect")
        elif name == own + OPAQUE and value == XWHITEOUTS:
            found.add("xwhiteouts")
    return frozenset(found)


def _of_entry(entry: Entry, namespace: Namespace, found: set[str]) -> None:
    found |= _of_name(entry.name, entry.kind)
    if entry.mtime:
        found |= _of_time(entry.mtime)
    if entry.xattrs:
        found |= _of_xattrs(entry.xattrs, namespace, entry.kind == "directory")
    if entry.kind == "directory" and entry.mode != 0o755:
        if entry.mode > 0o777:
            found.add("special bits")
        if entry.uid and entry.gid and entry.mtime:
            found.add("whole metadata")


def _of_layer(look: Glance, found: set[str]) -> None:
    if not look.entries:
        found.add("empty layer")
    if look.implied:
        found.add("implied directory")
        _of_implied(look, found)
    if look.late:
        found.add("late explicit entry")
    if look.late_files:
        found.add("file before its parent")
    for path in look.markers:
        found.add("opaque marker with entry" if path in look.explicit else "opaque marker without entry")
    for path in look.whiteouts:
        if path in look.explicit or path in look.implied or path in look.others:
            found.add("replaced path")
            if path in look.implied:
                found.add("replaced path without entry")
        if paths.parent(path) in look.implied:
            found.add("implied by a whiteout")


def _of_implied(look: Glance, found: set[str]) -> None:
    for path in look.implied:
        parent = look.explicit.get(paths.parent(path))
        if paths.parent(path) in look.implied:
            found.add("nested implied directory")
        elif parent is not None:
            if parent.mode & 0o2000:
                found.add("setgid parent of implied")
            if parent.xattrs and parent.xattr(overlayfs.ACL_DEFAULT):
                found.add("default acl parent of implied")


def _across(looks: list[Glance]) -> Iterator[str]:
    """Looks are lowest first, here and below."""
    if _permuted(looks):
        yield "same entries in another order"
    # Of all layers below: a stack may have hundreds, so no layer is compared with each.
    explicit, implied, others = set[str](), set[str](), set[str]()
    for number, look in enumerate(looks):
        if not explicit.isdisjoint(look.explicit) or not implied.isdisjoint(look.explicit):
            yield "re-declared parent"
        if not explicit.isdisjoint(look.implied):
            yield "explicit elsewhere"
        if not implied.isdisjoint(look.whiteouts):
            yield "whiteout over implied"
        if not explicit.isdisjoint(look.others) or not implied.isdisjoint(look.others):
            yield "non-directory over directory"
        if not others.isdisjoint(look.directories):
            yield "directory over non-directory"
        if look.whiteouts and any(_empties(look, lower) for lower in looks[:number]):
            yield "emptied implied directory"
        explicit.update(look.explicit)
        implied |= look.implied
        others |= look.others


def _permuted(looks: list[Glance]) -> bool:
    """Whether some layer has the entries of the one below it in another order."""
    return any(
        len(look.entries) == len(lower.entries)
        and look.entries != lower.entries
        and set(look.entries) == set(lower.entries)
        for lower, look in pairwise(looks)
    )


def _empties(look: Glance, lower: Glance) -> bool:
    """Whether whiteouts hide all that one layer has in a directory that it implies."""
    for path in {paths.parent(hidden) for hidden in look.whiteouts}:
        if path in lower.implied:
            names = lower.names_in(path)
            if names and names <= look.whiteouts:
                return True
    return False


def _of_marks(looks: list[Glance]) -> Iterator[str]:
    """What marked and unmarked directories are to each other where they merge."""
    marked = {path for look in looks for path, mark in look.directories.items() if mark}
    for path in marked:
        stack, end = _contributing(path, looks)
        marks = [look.directories[path] for look in stack]
        if False in marks:
            yield from _of_source(path, stack, marks.index(False))
        elif marks:
            yield "all marked"
            if end:
                yield end
    for look in looks:
        if any(look.directories.get(path) for path in look.opaque):
            yield "opaque and marked"
    if paths.ROOT in marked:
        yield "marked root"


def _contributing(path: str, looks: list[Glance]) -> tuple[list[Glance], str]:
    """The layers whose directories merge at `path`, topmost first, and what ends the search before
    other directories, if something does."""
    stack: list[Glance] = []
    for number in range(len(looks) - 1, -1, -1):
        look = looks[number]
        here = path in look.directories
        if here:
            stack.append(look)
        if look.ends(path):
            hides = any(path in lower.directories for lower in looks[:number])
            return stack, ("opaque below marked" if here else "barrier below marked") * hides
    return stack, ""


def _of_source(path: str, stack: list[Glance], first: int) -> Iterator[str]:
    """Where the directory of the layer `stack[first]` is the topmost one without a mark."""
    if first:
        yield "unmarked below marked"
        if first > 1:
            yield "unmarked deep below marked"
        entry = stack[first].explicit.get(path)
        if entry is not None and any(name in overlayfs.ACLS for name, _ in entry.xattrs):
            yield "acl below marked"
    if any(look.directories[path] for look in stack[first:]):
        yield "marked below unmarked"


def _of_setup(case: Case) -> Iterator[str]:
    setup = case.setup
    if len(case.stack) > 100:
        yield "over a hundred layers"
    if setup.namespace == "user" and _out_of_reach(case):
        yield "mark out of reach"
    if setup.namespace == "user":
        yield "userxattr"
    if setup.upper:
        yield "upper"
    if setup.umask not in (0o022, 0):
        yield "umask"
    if not setup.delegate:
        yield "delegate off"
    if setup.options:
        yield "mount option"
        if any(name == "datadir" for name, _ in setup.options):
            yield "data-only"


def _out_of_reach(case: Case) -> bool:
    """Whether the topmost layer has nothing but one marked directory of somebody else's."""
    top = case.stack[-1].entries if case.stack else ()
    return len(top) == 1 and top[0].uid != 0 and top[0].xattr(PREFIX["user"] + MARK) == YES
