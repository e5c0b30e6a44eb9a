"""Reading a root file system where its maker has put it."""

from __future__ import annotations

import os

from dirmeta.model.tree import Tree
from dirmeta.observe.forks import Fork
from dirmeta.observe.walk import answered_by_lsm, running_lsms, walk
from dirmeta.sandbox import syscalls
from dirmeta.subjects.engines.base import Root


def read(root: Root) -> tuple[Tree, tuple[Tree, ...]]:
    """All that is there, and in each layer. Raises ObservationError, and OSError where the namespaces can
    not be entered."""
    tree = _read_within(root) if root.within else _walk(root.path)
    return tree, tuple(map(_walk, root.layers))


def _walk(path: str) -> Tree:
    return walk(path, answered_by_lsm(running_lsms()))


def _read_within(root: Root) -> Tree:
    """By a process that is root there: a FUSE file system is for nobody outside, and ids are mapped."""
    fork = Fork(lambda: _enter(root.within), _walk)
    try:
        fork.ask(root.path)
        return fork.answer()
    finally:
        fork.close()


def _enter(process: int) -> None:
    kinds = {"user": syscalls.CLONE_NEWUSER, "mnt": syscalls.CLONE_NEWNS}
    namespaces = {name: os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY) for name in kinds}
    for name, kind in kinds.items():
        syscalls.setns(namespaces[name], kind)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
