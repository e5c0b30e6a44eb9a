"""Reading everything that RULES judge below a directory."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import Final

import xattr

from dirmeta.model.entries import Xattrs
from dirmeta.model.tree import WHITEOUT, Node, NodeKind, Tree, link_groups

_KINDS: Final[dict[int, NodeKind]] = {
    stat.S_IFDIR: "directory",
    stat.S_IFREG: "file",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
_FORMAT: Final = 0o170000
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC

_LSM_XATTRS: Final = {
    "selinux": ("security.selinux",),
    "smack": tuple(f"security.SMACK64{what}" for what in ("", "EXEC", "TRANSMUTE", "MMAP")),
    "ima": ("security.ima",),
    "evm": ("security.evm",),
}

ALIASES: Final = frozenset(("trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT"))
"""The names under which XFS lists ACLs once more."""


class ObservationError(Exception):
    """A tree that changed underneath or can not be read.

    path  relative to the directory that was read
    """

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"{path or '.'}: {error.strerror or error}")
        self.path = path
        self.errno = error.errno or 0


def walk(directory: str, ignored: frozenset[str] = frozenset()) -> Tree:
    """Everything below `directory`, itself included as ``""``; links are never followed.

    ignored  names of xattrs that are left out, see `answered_by_lsm`
    A name that readdir gives and a look-up does not find is no name. Raises ObservationError, also where
    `directory` is none but leads to one.
    """
    tree: Tree = {}
    groups: dict[str, object] = {}
    todo = [""]
    path = ""
    try:
        tree[""] = _node(directory, os.lstat(directory), ignored)
        if tree[""].kind != "directory":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        while todo:
            above = path = todo.pop()
            place = f"{directory}/{above}" if above else directory
            for name in os.listdir(place):
                path = f"{above}/{name}" if above else name
                full = f"{place}/{name}"
                try:
                    status = os.lstat(full)
                except FileNotFoundError:
                    continue
                node = tree[path] = _node(full, status, ignored)
                if node.kind == "directory":
                    todo.append(path)
                elif status.st_nlink > 1 and node is not WHITEOUT:
                    groups[path] = (status.st_dev, status.st_ino)
    except OSError as error:
        raise ObservationError(path, error) from error
    return link_groups(tree, groups) if groups else tree


def _node(full: str, status: os.stat_result, ignored: frozenset[str]) -> Node:
    mode = status.st_mode
    kind = _KINDS[mode & _FORMAT]
    content, target, device = b"", "", (0, 0)
    if kind == "file":
        if status.st_size:
            content = _content(full, status.st_size)
    elif kind == "symlink":
        mode = 0o777
        target = os.readlink(full)
    elif kind in ("char", "block"):
        device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        if kind == "char" and device == (0, 0):
            return WHITEOUT
    found = _xattrs(full)
    return Node(
        kind, mode & 0o7777, status.st_uid, status.st_gid, status.st_mtime_ns,
        _sorted(found, ignored) if found else (), content, target, device,
    )  # fmt: skip


def _xattrs(full: str) -> list[tuple[bytes, bytes]]:
    try:
        found: list[tuple[bytes, bytes]] = xattr.get_all(full, nofollow=True)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:  # as squashfs says of an image without any
            raise
        return []
    return found


def _content(full: str, size: int) -> bytes:
    fd = os.open(full, _READ)
    try:
        content = os.read(fd, size + 1)
        while len(content) < size and (more := os.read(fd, size)):
            content += more
        return content
    finally:
        os.close(fd)


def _sorted(found: Iterable[tuple[bytes, bytes]], ignored: frozenset[str]) -> Xattrs:
    named = sorted((os.fsdecode(name), value) for name, value in found)
    return tuple(pair for pair in named if pair[0] not in ignored) if ignored else tuple(named)


def answered_by_lsm(lsms: Iterable[str]) -> frozenset[str]:
    """Names of xattrs that a running security module answers for, whatever is stored."""
    return frozenset(name for lsm in lsms for name in _LSM_XATTRS.get(lsm, ()))


def running_lsms() -> tuple[str, ...]:
    """The security modules of this kernel, as far as they own xattrs."""
    try:
        with open("/sys/kernel/security/lsm", encoding="ascii") as file:
            return tuple(file.read().strip().split(","))
    except OSError:  # securityfs is not mounted, as in many containers
        places = {"selinux": "/sys/fs/selinux/enforce", "smack": "/sys/fs/smackfs/load2"}
        return tuple(lsm for lsm, place in places.items() if os.path.exists(place))
