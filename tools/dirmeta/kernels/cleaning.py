"""Giving disk space back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from dirmeta.kernels.process import Listener
from dirmeta.kernels.store import home
from dirmeta.kernels.worktree import Worktree


def clean_work(listen: Listener) -> None:
    """Remove sources and objects; waits for builds under way."""
    for worktree in _worktrees():
        with worktree.locked(listen):
            listen(f"removing {worktree.directory.name}")
            worktree.remove()
            worktree.directory.rmdir()


def clean_all(listen: Listener) -> None:
    """Remove everything about kernels."""
    clean_work(listen)
    for name in ("names", "images", "apt"):
        shutil.rmtree(home() / name, ignore_errors=True)


def _worktrees() -> Iterator[Worktree]:
    for lock in sorted(home().glob("*.lock")):
        yield Worktree(lock.with_suffix(""))
