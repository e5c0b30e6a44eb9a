"""What an operation does to a mounted overlay: its answer, and what lies in the upper directory then.

Follows fs/namei.c, fs/attr.c and fs/xattr.c of Linux 6.12 for who may do what, in which order.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dirmeta.model import acl, overlayfs, paths, permission, program, spelling
from dirmeta.model.leave import Denied, Target, Unknown
from dirmeta.model.mounted import Mounted, with_xattrs
from dirmeta.model.permission import READ, SEARCH, WRITE
from dirmeta.model.stack import Credentials, Operation
from dirmeta.model.tree import Node, Tree, with_mode
from dirmeta.model.upper import SETGID, Upper

SETUID: Final = 0o4000
_CAPABILITY: Final = "security.capability"


@dataclass(frozen=True)
class Expected:
    """What an operation has to come to.

    number   its errno, 0 for success; None where anything may be answered
    rules    where it fails: the rules that say so
    relied   rules that the permissions of a success follow from
    upper    the raw upper afterwards; a time of None is the clock's
    reasons  path → the rule that says how it changes
    either   path → another node that may stand in the upper there
    also     another errno that may be answered
    """

    number: int | None
    upper: Tree
    rules: tuple[str, ...] = ()
    relied: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    either: Tree = field(default_factory=dict)
    notes: frozenset[str] = frozenset()
    also: int | None = None

    def allows(self, number: int) -> bool:
        """Whether that may be answered."""
        return self.number in (None, number) or self.also == number


class Writer(Upper):
    """One operation on one mount; the methods are called as the operations.

    held  number of a descriptor → the path of its directory now, None once that is gone
    """

    def __init__(self, mounted: Mounted, held: Mapping[int, str | None] | None = None) -> None:
        super().__init__(mounted)
        self.held = held or {}

    def do(self, operation: Operation) -> Expected:
        """What a system call has to come to. `operation` is one of those that are calls, and is not wrong."""
        arguments = program.arguments(operation)
        method: Callable[..., None] = getattr(self, operation.op)
        try:
            method(operation.by, **arguments)
        except Denied as denied:
            return Expected(
                denied.number,
                self.mounted.upper,
                denied.rules,
                tuple(self.relied),
                notes=frozenset(self.notes),
                also=denied.also,
            )
        except Unknown:
            return Expected(None, self.mounted.upper, relied=tuple(self.relied))
        upper = self.relinked()
        return Expected(
            0, upper, (), tuple(self.relied), self.reasons, self.either, notes=frozenset(self.notes)
        )

    def read(self, who: Credentials, path: str) -> None:
        if self.existing(path, who).kind not in ("directory", "file"):
            raise Unknown
        self.require(path, who, READ)

    def access(self, who: Credentials, path: str, bits: int) -> None:
        if self.existing(path, who).kind == "symlink":
            raise Unknown
        self.require(path, who, bits)

    def hold(self, who: Credentials, path: str, slot: int) -> None:
        if self.existing(path, who).kind != "directory":
            raise Denied(errno.ENOTDIR)
        self.require(path, who, READ)

    def create(self, who: Credentials, path: str, mode: int) -> None:
        self._make(path, "file", mode, who)

    def mkdir(self, who: Credentials, path: str, mode: int) -> None:
        self._make(path, "directory", mode & 0o1777, who)

    def symlink(self, who: Credentials, path: str, target: str) -> None:
        self._make(path, "symlink", 0o777, who, target=target)

    def _make(self, path: str, kind: str, mode: int, who: Credentials, **fields: Any) -> None:
        place = self.find(path, who)
        if place.node is not None:
            raise Denied(errno.EEXIST)
        self.require(place.directory, who, WRITE | SEARCH)
        self.add(path, self.born(place.directory, kind, mode, who)._replace(**fields))

    def link(self, who: Credentials, path: str, to: str) -> None:
        old = self.find(path, who)
        if old.node is None:
            raise Denied(errno.ENOENT)
        new = self.find(to, who)
        if new.node is not None:
            raise Denied(errno.EEXIST)
        if not permission.owns(who, old.node):
            raise Unknown  # what protected_hardlinks is set to
        self.require(new.directory, who, WRITE | SEARCH)
        if old.node.kind == "directory":
            raise Denied(errno.EPERM)
        self.copy_up(path)
        name = self.upper[path].link or path
        for each, node in list(self.upper.items()):
            if each == path or (node.link and node.link == name):
                self.upper[each] = node._replace(link=name)
        self.add(to, self.upper[path])

    def write(self, who: Credentials, path: str, content: str) -> None:
        node = self.existing(path, who)
        if node.kind == "directory":
            raise Denied(errno.EISDIR)
        if node.kind != "file":
            raise Unknown
        self.require(path, who, WRITE)
        mode = node.mode
        if not (self.how.initial and permission.has(who, "fsetid")):
            mode = _unprivileged(node, who)
        self.change(path, content=spelling.to_bytes(content), mtime=None, mode=mode)
        self.put(path, with_xattrs(self.upper[path], {_CAPABILITY: None}))

    def unlink(self, who: Credentials, path: str) -> None:
        target = self.find(path, who)
        if target.node is None:
            raise Denied(errno.ENOENT)
        self.require_removable(target, who)
        if target.node.kind == "directory":
            raise Denied(errno.EISDIR)
        self.take_out(path)

    def rmdir(self, who: Credentials, path: str) -> None:
        target = self.find(path, who)
        if target.node is None:
            raise Denied(errno.ENOENT)
        self.require_removable(target, who)
        if target.node.kind != "directory":
            raise Denied(errno.ENOTDIR)
        if not self.is_empty(path, cleans=self.mounted.hides(path)):
            raise Denied(errno.ENOTEMPTY)
        self.take_out(path)

    def chmod(self, who: Credentials, path: str, mode: int) -> None:
        if self.existing(path, who).kind == "symlink":
            raise Unknown
        self.change_mode(who, path, mode)

    def fchmod(self, who: Credentials, slot: int, mode: int) -> None:
        if slot not in self.held:
            raise Denied(errno.EBADF)
        path = self.held[slot]
        if path is None:
            raise Unknown
        self.change_mode(who, path, mode)

    def change_mode(self, who: Credentials, path: str, mode: int) -> None:
        self.require_owner(path, who)
        mode = permission.chmodded(self.governing(path), who, mode)
        self.settle(path)
        self.put(path, with_mode(self.upper[path], mode))

    def chown(self, who: Credentials, path: str, uid: int | None = None, gid: int | None = None) -> None:
        node = self.existing(path, who)
        if uid is None and gid is None:
            raise Unknown
        if not permission.may_chown(self.governing(path), who, uid, gid):
            raise self.refused(path, "ACCESS-OWNER")
        self.rely(path, who, "ACCESS-OWNER")
        mode = node.mode
        if node.kind not in ("directory", "symlink"):
            mode = _unprivileged(node, who)
            if mode != node.mode:  # which takes leave to chmod
                self.require_owner(path, who)
        self.change(path, uid=node.uid if uid is None else uid, gid=node.gid if gid is None else gid)
        if mode != node.mode:
            self.put(path, self.upper[path]._replace(mode=mode))
        if node.kind == "file":
            self.put(path, with_xattrs(self.upper[path], {_CAPABILITY: None}))

    def utimens(self, who: Credentials, path: str, mtime: int | None = None) -> None:
        node = self.existing(path, who)
        if mtime is not None:
            self.require_owner(path, who)
        elif not permission.owns(who, self.governing(path)):
            if node.kind == "symlink":
                raise Unknown
            self.require_writable(path, who, "ACCESS-OWNER")
        self.change(path, mtime=mtime)

    def setxattr(self, who: Credentials, path: str, name: str, value: str) -> None:
        self._require_xattr(who, path, name)
        self.settle(path)
        stored = self._stored_name(path, name)
        self.put(path, with_xattrs(self.upper[path], {stored: spelling.to_bytes(value)}))

    def removexattr(self, who: Credentials, path: str, name: str) -> None:
        self._require_xattr(who, path, name)
        if name in overlayfs.ACLS:
            self._remove_acl(who, path, name)
            return
        if self.shown(path).xattr(name) is None:
            raise Denied(errno.ENODATA)
        self.settle(path)
        self.put(path, with_xattrs(self.upper[path], {self._stored_name(path, name): None}))

    def _remove_acl(self, who: Credentials, path: str, name: str) -> None:
        """Also one that is not there, which is noticed only of what is not in the upper.

        Kernel: `ovl_set_acl`, which drops setgid first.
        """
        node, drops = self.governing(path), 0
        if name == overlayfs.ACL_ACCESS and not permission.keeps_setgid(node, who):
            drops = node.mode & SETGID
        if self.shown(path).xattr(name) is None and not drops:
            if node.kind != "directory" or self.mounted.is_marked_upper(path):
                raise Unknown
            if path not in self.upper:
                raise Denied(errno.ENODATA)
            return
        self.settle(path)
        changed = self.upper[path]._replace(mode=self.upper[path].mode & ~drops)
        self.put(path, with_xattrs(changed, {name: None}))

    def _stored_name(self, path: str, name: str) -> str:
        """The name under which the upper keeps an xattr: the mount's own are escaped."""
        prefix = self.how.prefix
        if not name.startswith(prefix):
            return name
        self.note(path, "own xattr")
        self.reasons[path] = "COPYUP-SELFMARK"
        return prefix + "overlay." + name[len(prefix) :]

    def _require_xattr(self, who: Credentials, path: str, name: str) -> None:
        node = self.existing(path, who)
        if node.kind == "symlink":
            raise Unknown
        if name.startswith("trusted."):
            if not permission.has(who, "sys_admin"):
                raise Denied(errno.EPERM)
        elif name.startswith("user."):
            if node.kind not in ("directory", "file"):
                raise Denied(errno.EPERM)
            if not permission.may_set_user_xattr(self.governing(path), who):
                raise self.refused(path, "ACCESS-OWNER")
            self.require_writable(path, who, "ACCESS-OWNER")
        elif name == overlayfs.ACL_DEFAULT and node.kind != "directory":
            raise Unknown
        elif name in overlayfs.ACLS:
            self.require_owner(path, who)
        else:
            raise Unknown
        if name.startswith(self.how.prefix) and not self.how.escapes:
            self.note(path, "own xattr")
            raise Denied(errno.EOPNOTSUPP, "COPYUP-SELFMARK")  # Kernel: `ovl_own_xattr_set`, before 6.7

    def setacl(self, who: Credentials, path: str, acl: str, type: str = "access") -> None:
        node = self.existing(path, who)
        if node.kind == "symlink":
            raise Unknown
        if type == "default" and node.kind != "directory":
            raise Denied(errno.EACCES)
        self.require_owner(path, who)
        self.settle(path)
        if type == "default":
            self.put(path, with_xattrs(self.upper[path], {overlayfs.ACL_DEFAULT: _value(acl)}))
        else:
            keeps = permission.keeps_setgid(self.governing(path), who)
            self.put(path, _with_access(self.upper[path], _value(acl), keeps))

    def rename(self, who: Credentials, path: str, to: str, flags: str = "") -> None:
        old, new = self.find(path, who), self.find(to, who)
        self._require_renamable(old, new, flags, who)
        if path == to:
            return
        assert old.node is not None
        if old.node.link and new.node is not None and self._is_same_file(path, to):
            return
        self._require_moves(old, new, flags, who)
        self.move(old, new, exchange=flags == "exchange")

    def _is_same_file(self, path: str, to: str) -> bool:
        one, other = self.upper.get(path), self.upper.get(to)
        return one is not None and other is not None and bool(one.link) and one.link == other.link

    def _require_renamable(self, old: Target, new: Target, flags: str, who: Credentials) -> None:
        """What is checked of the two names before anything of their owners."""
        if old.node is None:
            raise Denied(errno.ENOENT)
        if flags == "noreplace" and new.node is not None:
            raise Denied(errno.EEXIST)
        if flags == "exchange" and new.node is None:
            raise Denied(errno.ENOENT)
        if paths.below(new.path, old.path):
            raise Denied(errno.EINVAL)
        if paths.below(old.path, new.path):
            raise Denied(errno.EINVAL if flags == "exchange" else errno.ENOTEMPTY)

    def _require_moves(self, old: Target, new: Target, flags: str, who: Credentials) -> None:
        """Denied where permissions, or what overlayfs can do, are against it."""
        assert old.node is not None
        is_directory = old.node.kind == "directory"
        self.require_removable(old, who)
        if new.node is None:
            self.require(new.directory, who, WRITE | SEARCH)
        else:
            self.require_removable(new, who)
            if flags != "exchange" and is_directory != (new.node.kind == "directory"):
                raise Denied(errno.ENOTDIR if is_directory else errno.EISDIR)
        moved = [old.path] if is_directory else []
        if flags == "exchange" and new.node is not None and new.node.kind == "directory":
            moved.append(new.path)
        if old.directory != new.directory:
            for each in moved:
                self.require_movable(each, who)
        if not self.how.redirects and any(map(self.mounted.is_lower, moved)):
            self.note(old.path, "refused rename")
            raise Denied(errno.EXDEV, "COPYUP-RENAME")
        replaces = flags != "exchange" and new.node is not None and is_directory
        if replaces and not self.is_empty(new.path, cleans=False):
            # Overlayfs says the first, the file system of the upper what it likes to.
            raise Denied(errno.ENOTEMPTY, also=self.how.says_not_empty)

    def require_movable(self, path: str, who: Credentials) -> None:
        """A directory that gets another parent is written to: its ``..`` changes."""
        self.require_writable(path, who, "ACCESS-MOVE")

    def require_writable(self, path: str, who: Credentials, rule: str) -> None:
        """Write permission, where a rule of its own asks for that."""
        try:
            self.require(path, who, WRITE)
        except Denied as denied:
            self.note(path, rule)
            raise Denied(denied.number, *denied.rules, rule) from None
        self.rely(path, who, rule)


def _unprivileged(node: Node, who: Credentials) -> int:
    """The mode of a file once it is written to or changes hands."""
    mode = node.mode & ~SETUID
    if mode & SETGID and (mode & 0o010 or not permission.keeps_setgid(node, who)):
        mode &= ~SETGID
    return mode


def _value(text: str) -> bytes:
    return acl.parse(text)


def _with_access(node: Node, value: bytes, keeps_setgid: bool) -> Node:
    """A node with another access ACL, and the mode that goes with it."""
    mode = node.mode & ~0o777 | acl.mode_bits(value)
    if not keeps_setgid:
        mode &= ~SETGID
    kept = None if acl.is_minimal(acl.unpack(value)) else value
    return with_xattrs(node._replace(mode=mode), {overlayfs.ACL_ACCESS: kept})
