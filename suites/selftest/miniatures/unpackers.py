"""Unpackers that break one rule: the reference with a method or two replaced.

Each is called with a new unpacker before it unpacks. "Proof of concept" is that of container-libs#701.
"""

# mypy: disable-error-code=method-assign

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, ParamSpec, TypeVar

from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import Entry
from dirmeta.observe.steps import Unpacked
from dirmeta.subjects.reference import Reference, Unpacker
from dirmeta.subjects.reference.directories import Directory, Refused

from . import Collection

P = ParamSpec("P")
R = TypeVar("R")

unpacker = Collection()
process = Collection()
"""Those that crash or hang, and so run in a process of their own."""

SECONDS: Final = 0.1
"""How long a process may take; the reference needs a hundredth of it."""


@dataclass(frozen=True)
class Apart(Reference):
    """A reference whose every unpacking is a process, which can die and be too slow."""

    def unpack(self, layer: bytes, dest: str, **how: Any) -> Unpacked:
        child = os.fork()
        if not child:
            os._exit(super().unpack(layer, dest, **how).status)
        handle = os.pidfd_open(child)
        in_time = select.select([handle], [], [], SECONDS)[0]
        os.close(handle)
        if not in_time:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Unpacked(status, "", "" if in_time else "timeout")


def nothing(*_: Any, **__: Any) -> None:
    """Stands for a method that is left out."""


def then(do: Callable[P, R], also: Callable[P, object]) -> Callable[P, R]:
    """`do`, and `also` after it."""

    def both(*args: P.args, **kwargs: P.kwargs) -> R:
        result = do(*args, **kwargs)
        also(*args, **kwargs)
        return result

    return both


def descriptor(it: Unpacker, path: str) -> int:
    return it.directories.descriptor(it.directories[path])


def address(it: Unpacker, path: str) -> str:
    """A path for calls that resolve names by themselves."""
    return f"/proc/self/fd/{descriptor(it, paths.parent(path))}/{paths.basename(path)}"


def clear(fd: int, xattr: str) -> None:
    with suppress(OSError):
        os.removexattr(fd, xattr)


# Parents


@unpacker(breaks="UNPACK-PARENTS")
def refuses_implied(it: Unpacker) -> None:
    """Refuses a layer that leaves the entry of a parent out."""

    def create_parents(path: str) -> Directory:
        raise Refused(path, "has no entry")

    it.create_parents = create_parents


@process(breaks="UNPACK-PARENTS")
def dies_of_implied(it: Unpacker) -> None:
    """Dies of a signal where a parent is missing."""
    it.create_parents = lambda path: os.abort()


@process(breaks="UNPACK-PARENTS")
def hangs_on_implied(it: Unpacker) -> None:
    """Waits for ever where a parent is missing."""
    it.create_parent = then(it.create_parent, lambda path: time.sleep(3600))


@unpacker(breaks="UNPACK-PARENTS")
def no_parents_for_whiteouts(it: Unpacker) -> None:
    """Leaves a whiteout out where its parents are missing."""
    place = it.place_whiteout
    it.place_whiteout = lambda entry: place(entry) if paths.parent(entry.place) in it.directories else None


# Marks


@unpacker(breaks="UNPACK-MARK")
def marks_nothing(it: Unpacker) -> None:
    """Marks nothing on the path that layers take (proof of concept, 4: its tests take the other one)."""
    it.mark = nothing


@unpacker(breaks="UNPACK-MARK")
def marks_the_deepest(it: Unpacker) -> None:
    """Marks only the deepest of the directories that it creates for an entry."""
    mark, it.mark = it.mark, nothing
    it.create_parents = then(
        it.create_parents, lambda path: mark(it.directories[path]) if path not in it.hidden else None
    )


@unpacker(breaks="UNPACK-MARK")
def marks_with_nothing(it: Unpacker) -> None:
    """Gives the mark an empty value, as the first demonstration had it."""
    name = it.private(overlayfs.MARK)
    if it.delegate:
        it.mark = then(it.mark, lambda directory: os.setxattr(descriptor(it, directory.path), name, b""))


@unpacker(breaks="UNPACK-EXPLICIT")
def late_entry_keeps_mark(it: Unpacker) -> None:
    """An entry that follows its children sets metadata and leaves the mark (proof of concept, 1)."""
    it.clear_mark = nothing


@unpacker(breaks="UNPACK-EXPLICIT")
def marks_what_is_there(it: Unpacker) -> None:
    """Marks a directory that it did not have to make (proof of concept, 3)."""
    it.parent = then(it.parent, lambda place: it.mark(it.directories[paths.parent(place)]))


@unpacker(breaks="UNPACK-NAMESPACE")
def marks_in_both(it: Unpacker) -> None:
    """Sets the mark in both namespaces, to be on the safe side."""
    other = overlayfs.mark_name(overlayfs.OTHER[it.namespace])
    if it.delegate:
        it.mark = then(it.mark, lambda directory: os.setxattr(descriptor(it, directory.path), other, b"y"))


@unpacker(breaks="UNPACK-NAMESPACE")
def namespace_of_who_unpacks(it: Unpacker) -> None:
    """Root writes trusted.*, whatever its mounts read (proof of concept, 8)."""
    it.private = lambda fact: overlayfs.PREFIX["trusted"] + fact


# Spelling


@unpacker(breaks="UNPACK-SPELLING")
def dotted_names_are_others(it: Unpacker) -> None:
    """Does not see that the entry ./x/ is one for x."""
    place, clear_mark = it.place_directory, it.clear_mark

    def place_directory(entry: Entry) -> None:
        it.clear_mark = nothing if entry.name.startswith("./") else clear_mark
        place(entry)

    it.place_directory = place_directory


@unpacker(breaks="UNPACK-SPELLING")
def directories_end_in_a_slash(it: Unpacker) -> None:
    """Takes no entry for a directory's that has no slash at its end."""
    place = it.place_directory
    it.place_directory = lambda entry: place(entry) if entry.name.endswith("/") else None


# Explicit directories


@unpacker(breaks="UNPACK-EXACT")
def times_at_once(it: Unpacker) -> None:
    """Sets a directory's time with its entry, and what is made in it later changes that."""

    def set_time(entry: Entry) -> None:
        os.utime(descriptor(it, entry.path), ns=(entry.mtime, entry.mtime))
        it.directories[entry.path].mtime = None

    it.place_directory = then(it.place_directory, set_time)


@unpacker(breaks="UNPACK-EXACT")
def nine_bits(it: Unpacker) -> None:
    """Keeps nine of a mode's twelve bits (container-libs#725: 1777 becomes 0777)."""
    dress = it.dress
    it.dress = lambda fd, entry: dress(fd, replace(entry, mode=entry.mode & 0o777))


@unpacker(breaks="UNPACK-EXACT-XATTR")
def drops_acls(it: Unpacker) -> None:
    """Drops ACLs, and says that it keeps them."""
    wanted = it.wanted
    it.wanted = lambda xattr: wanted(xattr) and xattr not in overlayfs.ACLS


@unpacker(breaks="UNPACK-EXACT-XATTR")
def adds_to_inherited_acls(it: Unpacker) -> None:
    """Adds an entry's xattrs to the ACLs that its directory was born with."""
    it.disinherit = nothing


@unpacker(breaks="UNPACK-EXACT-XATTR")
def drops_empty_values(it: Unpacker) -> None:
    """Takes an xattr with an empty value for one to be left out."""
    set_xattrs = it.set_xattrs
    it.set_xattrs = lambda target, entry: set_xattrs(
        target, replace(entry, xattrs=tuple(pair for pair in entry.xattrs if pair[1]))
    )


# Everything else


@unpacker(breaks="UNPACK-NAMES")
def copies_hardlinks(it: Unpacker) -> None:
    """Copies the file that a hardlink links to."""
    place, files = it.place, dict[str, Entry]()

    def copy(entry: Entry) -> None:
        source = files.get(entry.target_path) if entry.kind == "hardlink" else None
        files[entry.path] = replace(source, name=entry.name) if source else entry
        place(files[entry.path])

    it.place = copy


@unpacker(breaks="UNPACK-NAMES")
def symlinks_are_roots(it: Unpacker) -> None:
    """Loses the owner of symlinks."""
    place = it.place_symlink
    it.place_symlink = lambda entry: place(replace(entry, uid=0, gid=0))


@unpacker(breaks="UNPACK-NAMES")
def symlinks_of_today(it: Unpacker) -> None:
    """Leaves symlinks the time at which they are made."""
    it.place_symlink = then(
        it.place_symlink, lambda entry: os.utime(address(it, entry.path), follow_symlinks=False)
    )


@unpacker(breaks="UNPACK-NAMES")
def owners_last(it: Unpacker) -> None:
    """Sets the owner after the mode, which takes setuid bits away."""
    it.dress = then(it.dress, lambda fd, entry: os.chown(fd, entry.uid, entry.gid))


@unpacker(breaks="UNPACK-NAMES")
def whole_seconds(it: Unpacker) -> None:
    """Cuts times down to whole seconds."""
    place = it.place
    it.place = lambda entry: place(replace(entry, mtime=entry.mtime // 10**9 * 10**9))


@unpacker(breaks="UNPACK-NOINHERIT")
def inherits_setgid(it: Unpacker) -> None:
    """Leaves a created parent the setgid bit and the group of the directory it is made in."""

    def furnish(directory: Directory) -> None:
        fd = descriptor(it, directory.path)
        os.chmod(fd, 0o755 | os.fstat(fd).st_mode & 0o2000)

    it.furnish = furnish


@unpacker(breaks="UNPACK-NOINHERIT")
def inherits_default_acl(it: Unpacker) -> None:
    """Leaves a created parent the ACLs that it was born with."""
    create_parent, disinherit = it.create_parent, it.disinherit

    def create(path: str) -> Directory:
        it.disinherit = nothing
        directory = create_parent(path)
        it.disinherit = disinherit
        return directory

    it.create_parent = create


@unpacker(breaks="UNPACK-ORDER")
def first_come(it: Unpacker) -> None:
    """An entry for a directory that is there already changes nothing."""
    place = it.place_directory
    it.place_directory = lambda entry: place(entry) if entry.path not in it.directories else None
