"""A copy of a developer's own tree, kept up to date, so that the tree itself is only ever read.

Where somebody built in the tree kbuild refuses to build it elsewhere; the copy has no build products.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.leftout import is_left_out
from dirmeta.kernels.worktree import Worktree, write_atomically

Manifest = dict[str, list[int]]
"""Path → size, mode and mtime in ns of the file in the tree when it was copied."""

_UNKNOWN: Final = ("-z", "--others", "--exclude-per-directory=.gitignore")
# Their linux-source packages carry a .gitignore that ignores all of the top level.
_DEBIAN_IGNORES_ALL: Final = (
    "--exclude=!/*", "--exclude=/.*", "--exclude=/linux", "--exclude=/vmlinux*", "--exclude=/System.map",
    "--exclude=/[Mm]odule*", "--exclude=/*.[ao]",
)  # fmt: skip


def bring_up_to_date(tree: Path, worktree: Worktree) -> str:
    """Copy what changed in `tree` since the last time; a digest of how it is now.

    A copied file is new to make whatever its time in the tree: going back to an older one is a change too.
    """
    worktree.restore()
    worktree.source.mkdir(parents=True, exist_ok=True)
    known = _manifest(worktree)
    now = dict(_look(tree, worktree))
    for path in known.keys() - now.keys():
        (worktree.source / path).unlink(missing_ok=True)
    changed = [path for path in now if known.get(path) != now[path]]
    # Until all is copied nothing of what changes counts as known.
    _write(worktree, {path: facts for path, facts in known.items() if now.get(path) == facts})
    for path in changed:
        _copy(tree / path, worktree.source / path)
    _write(worktree, now)
    return hashlib.sha256(json.dumps(sorted(now.items())).encode()).hexdigest()


def _look(tree: Path, worktree: Worktree) -> Iterator[tuple[str, list[int]]]:
    for path in _files(tree, worktree):
        if is_left_out(path):
            continue
        try:
            found = os.lstat(tree / path)
        except FileNotFoundError:  # tracked, and deleted by the developer
            continue
        if not stat.S_ISDIR(found.st_mode):
            yield path, [found.st_size, found.st_mode, found.st_mtime_ns]


def _files(tree: Path, worktree: Worktree) -> list[str]:
    """All files but build products, which are what the tree's .gitignore files say, repository or not."""
    if (tree / ".git").exists():
        return _listed("-C", os.fspath(tree), "ls-files", "--cached", *_UNKNOWN)
    # git reads .gitignore files for any repository; this one has nothing in it.
    repository = os.fspath(worktree.directory / "no-repository")
    _git("init", "--quiet", "--bare", repository)
    lent = ["-C", os.fspath(tree), f"--git-dir={repository}", f"--work-tree={tree}", "-c", "core.bare=false"]
    return _listed(*lent, "ls-files", *_UNKNOWN, *_DEBIAN_IGNORES_ALL)


def _listed(*words: str) -> list[str]:
    return [os.fsdecode(path) for path in _git(*words).split(b"\0") if path]


def _git(*words: str) -> bytes:
    ended = subprocess.run(
        # The developer's own settings must not run anything, whoever the tree belongs to.
        ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", *words],
        capture_output=True,
        env={**_environment(), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        check=False,
    )
    if ended.returncode:
        raise KernelError(f"git {words[-1]}: {ended.stderr.decode('utf-8', 'replace').strip()}")
    return ended.stdout


def _environment() -> dict[str, str]:
    """Without what a hook of git, which may have started us, says about another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def _copy(wanted: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        shutil.copy(wanted, path, follow_symlinks=False)
    except PermissionError as error:
        raise KernelUsageError(f"{wanted}: {error.strerror}") from None


def _manifest(worktree: Worktree) -> Manifest:
    try:
        known: Manifest = json.loads(_place(worktree).read_text("utf-8"))
        return known
    except FileNotFoundError:
        return {}


def _write(worktree: Worktree, manifest: Manifest) -> None:
    write_atomically(_place(worktree), json.dumps(manifest))


def _place(worktree: Worktree) -> Path:
    return worktree.directory / "manifest.json"
