"""Writing a tree to disk, metadata exact: how the suite makes diff directories without an unpacker.

A call is left out only where it provably changes nothing. What makes that provable: umask 0, and setgid
bits and default ACLs of directories come last, so that nothing is inherited on the way.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from typing import Final

from dirmeta.model import overlayfs
from dirmeta.model.tree import Node, NodeKind, Tree

_SET_ID: Final = stat.S_ISUID | stat.S_ISGID
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LayoutError(OSError):
    """A node that could not be made; names the path and the call."""


def lay_out(tree: Tree, directory: str) -> None:
    """Make `directory`, new or empty, hold exactly `tree`. A time that is None is left to the clock.

    Raises LayoutError. Sets the umask of the process while it runs.
    """
    before = os.umask(0)
    try:
        _make_root(directory)
        directories = _make_names(tree, directory)
        for path in reversed(directories):
            _finish_directory(f"{directory}/{path}" if path else directory, tree[path])
    finally:
        os.umask(before)


def _make_root(directory: str) -> None:
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        os.chmod(directory, 0o700)
        with contextlib.suppress(OSError):
            os.removexattr(directory, overlayfs.ACL_DEFAULT)
    except OSError as error:
        raise _failed("mkdir", directory, error) from error


def _make_names(tree: Tree, root: str) -> list[str]:
    """Make everything but what directories get last; returns the directories, parents first."""
    directories: list[str] = []
    for path in sorted(tree):
        node = tree[path]
        if node.kind == "directory":
            directories.append(path)
            if path:
                _make_directory(f"{root}/{path}", node)
        elif node.link and node.link != path:
            _link(f"{root}/{node.link}", f"{root}/{path}")
        else:
            _MAKERS[node.kind](f"{root}/{path}", node)
    return directories


def _make_directory(path: str, node: Node) -> None:
    try:
        os.mkdir(path, node.mode)
    except OSError as error:
        raise _failed("mkdir", path, error) from error


def _finish_directory(path: str, node: Node) -> None:
    call = "chown"
    try:
        if node.uid or node.gid:
            os.chown(path, node.uid, node.gid)
        for name, value in node.xattrs:
            call = f"setxattr {name}"
            os.setxattr(path, name, value)
        call = "chmod"
        os.chmod(path, node.mode)
        if node.mtime is not None:
            call = "utimensat"
            os.utime(path, ns=(node.mtime, node.mtime))
    except OSError as error:
        raise _failed(call, path, error) from error


def _make_file(path: str, node: Node) -> None:
    call = "open"
    try:
        fd = os.open(path, _NEW_FILE, node.mode)
        try:
            left: bytes | memoryview = node.content
            call = "write"
            while left:
                left = memoryview(left)[os.write(fd, left) :]
            if node.uid or node.gid:
                call = "fchown"
                os.fchown(fd, node.uid, node.gid)
            for name, value in node.xattrs:
                call = f"fsetxattr {name}"
                os.setxattr(fd, name, value)
            if node.mode & _SET_ID:  # dropped by write and chown
                call = "fchmod"
                os.fchmod(fd, node.mode)
            if node.mtime is not None:
                call = "futimens"
                os.utime(fd, ns=(node.mtime, node.mtime))
        finally:
            os.close(fd)
    except OSError as error:
        raise _failed(call, path, error) from error


def _make_symlink(path: str, node: Node) -> None:
    try:
        os.symlink(node.target, path)
    except OSError as error:
        raise _failed("symlink", path, error) from error
    _finish(path, node)


def _make_device(path: str, node: Node) -> None:
    try:
        os.mknod(path, _FORMATS[node.kind] | node.mode, os.makedev(*node.device))
    except OSError as error:
        raise _failed("mknod", path, error) from error
    if not node.is_whiteout:  # of which only its being one counts
        _finish(path, node)


def _finish(path: str, node: Node) -> None:
    """Owner, xattrs and time of what can not be opened."""
    call = "lchown"
    try:
        if node.uid or node.gid:
            os.lchown(path, node.uid, node.gid)
        for name, value in node.xattrs:
            call = f"lsetxattr {name}"
            os.setxattr(path, name, value, follow_symlinks=False)
        if node.kind != "symlink" and node.mode & _SET_ID:
            call = "chmod"
            os.chmod(path, node.mode)
        if node.mtime is not None:
            call = "utimensat"
            os.utime(path, ns=(node.mtime, node.mtime), follow_symlinks=False)
    except OSError as error:
        raise _failed(call, path, error) from error


def _link(target: str, path: str) -> None:
    try:
        os.link(target, path, follow_symlinks=False)
    except OSError as error:
        raise _failed("link", path, error) from error


def _failed(call: str, path: str, error: OSError) -> LayoutError:
    return LayoutError(error.errno, f"{call}: {os.strerror(error.errno or 0)}", path)


_FORMATS: Final[dict[NodeKind, int]] = {
    "char": stat.S_IFCHR,
    "block": stat.S_IFBLK,
    "fifo": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
}
_MAKERS: Final[dict[NodeKind, Callable[[str, Node], None]]] = {
    "file": _make_file,
    "symlink": _make_symlink,
    **dict.fromkeys(_FORMATS, _make_device),
}
