"""The bare system calls of a job: what `dirmeta bench` holds the pipelines against.

A job that was done once is written down as a flat list of calls: those that make its directories, mount
them, and read what there is to read. Doing the list again makes no nodes, compares nothing and answers
nothing, so it is the least that the same cases can take from Python.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from dirmeta.labs import mounts
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Job, Layout, Mount, Result, Unpack, Walk
from dirmeta.sandbox import namespace, serve, syscalls

Call = Callable[[], object]

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FORMATS = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK}
_SET_ID = stat.S_ISUID | stat.S_ISGID


def calls(job: Job, results: Sequence[Result]) -> list[Call]:
    """The calls of a job of `Layout`, `Unpack`, `Mount` and `Walk`, given what it answered.

    What an `Unpack` makes is laid out as the `Walk` that follows it saw it. All can be pickled.
    """
    found: list[Call] = []
    after = [*results[1:], None]
    for step, result, following in zip(job.steps, results, after, strict=True):
        if isinstance(step, Layout):
            found += _making(step.tree, step.at)
        elif isinstance(step, Unpack) and isinstance(following, dict):
            found += _making(following, step.at)  # type: ignore[arg-type]  # a Walk answers a Tree
        elif isinstance(step, Mount):
            found += _mounting(step)
        elif isinstance(step, Walk) and isinstance(result, dict):
            found += _reading(result, step.at)  # type: ignore[arg-type]
    return found


def _place(at: str, path: str) -> str:
    return f"{at}/{path}" if path else at


def _making(tree: Tree, at: str) -> Iterator[Call]:
    """The calls of `observe.layout`: directories get what is theirs when all is in them."""
    yield partial(os.mkdir, at, 0o700)
    names = sorted(tree)
    for path in names:
        node, place = tree[path], _place(at, path)
        if path and node.kind == "directory":
            yield partial(os.mkdir, place, node.mode)
        elif node.link and node.link != path:
            yield partial(os.link, f"{at}/{node.link}", place, follow_symlinks=False)
        elif node.kind != "directory":
            yield from _making_other(node, place)
    for path in reversed(names):
        if tree[path].kind == "directory":
            yield from _finishing(tree[path], _place(at, path))


def _making_other(node: Node, place: str) -> Iterator[Call]:
    if node.kind == "file":
        yield partial(_file, place, node)
        return
    if node.kind == "symlink":
        yield partial(os.symlink, node.target, place)
    else:
        yield partial(os.mknod, place, _FORMATS[node.kind] | node.mode, os.makedev(*node.device))
    if not node.is_whiteout:
        yield from _finishing(node, place)


def _finishing(node: Node, place: str) -> Iterator[Call]:
    if node.uid or node.gid:
        yield partial(os.lchown, place, node.uid, node.gid)
    for name, value in node.xattrs:
        yield partial(os.setxattr, place, name, value, follow_symlinks=False)
    if node.kind == "directory" or (node.kind != "symlink" and node.mode & _SET_ID):
        yield partial(os.chmod, place, node.mode)
    if node.mtime is not None:
        yield partial(os.utime, place, ns=(node.mtime, node.mtime), follow_symlinks=False)


def _file(place: str, node: Node) -> None:
    fd = os.open(place, _NEW_FILE, node.mode)
    if node.content:
        os.write(fd, node.content)
    if node.uid or node.gid:
        os.fchown(fd, node.uid, node.gid)
    for name, value in node.xattrs:
        os.setxattr(fd, name, value)
    if node.mode & _SET_ID:
        os.fchmod(fd, node.mode)
    if node.mtime is not None:
        os.utime(fd, ns=(node.mtime, node.mtime))
    os.close(fd)


def _mounting(step: Mount) -> Iterator[Call]:
    uppers = (step.upper, f"{step.upper}.work") if step.upper else ()
    helper = (mounts.EMPTY,) if len(step.lowers) == 1 and not step.upper else ()
    for name in (step.at, *uppers, *helper):
        yield partial(os.mkdir, name, 0o755)
    yield partial(syscalls.mount, "overlay", step.at, "overlay", 0, mounts.data(step))


def _reading(tree: Tree, at: str) -> Iterator[Call]:
    """Every name, its status, its xattrs, and what it holds."""
    for path, node in tree.items():
        place = _place(at, path)
        yield partial(os.lstat, place)
        if node.kind == "directory":
            yield partial(os.listdir, place)
        elif node.kind == "file" and node.content:
            yield partial(_read, place, len(node.content))
        elif node.kind == "symlink":
            yield partial(os.readlink, place)
        if not node.is_whiteout:
            yield partial(os.listxattr, place, follow_symlinks=False)
            for name, _ in node.xattrs:
                yield partial(os.getxattr, place, name, follow_symlinks=False)


def _read(place: str, size: int) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    os.read(fd, size + 1)
    os.close(fd)


class Took(NamedTuple):
    """Seconds by the clock, and of processor time."""

    clock: float
    processor: float


def run(jobs: Sequence[Sequence[Call]]) -> Took:
    """What the calls of some jobs take, each job on a tmpfs of its own. To be called in a `Worker`."""
    namespace.assert_private()
    place = f"{serve.scratch()}/bare"
    os.makedirs(place, exist_ok=True)
    umask = os.umask(0)
    began = Took(time.perf_counter(), time.process_time())
    for each in jobs:
        syscalls.mount("scratch", place, "tmpfs", syscalls.MS_NOSUID, "mode=0755")
        os.chdir(place)
        for call in each:
            call()
        os.chdir("/")
        syscalls.umount(place, syscalls.MNT_DETACH)
    took = Took(time.perf_counter() - began.clock, time.process_time() - began.processor)
    os.umask(umask)
    return took
