"""A developer's tree is copied without build products, and never written to."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dirmeta.kernels.mirror import bring_up_to_date
from dirmeta.kernels.patches import Patch
from dirmeta.kernels.worktree import Worktree
from suites.selftest.kernels.conftest import OVERLAYFS, SOURCE, changing, written

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")

IGNORED = ".*\n*.o\n*.cmd\n/vmlinux\n/include/generated/\n"
PRODUCTS = {
    ".config": "",
    "vmlinux": "",
    "fs/namei.o": "",
    "fs/.namei.o.cmd": "",
    "include/generated/autoconf.h": "",
}


def git(directory: Path, *words: str) -> None:
    own = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", directory, *own, *words], check=True, capture_output=True)


@pytest.fixture(params=["repository", "directory", "debian"])
def tree(source: Path, request: pytest.FixtureRequest) -> Path:
    """A tree that was built in place: a clone, an unpacked tarball, or one whose .gitignore ignores all."""
    written(source, {".gitignore": IGNORED + ("/*\n!/debian/\n" if request.param == "debian" else "")})
    if request.param == "repository":
        git(source, "init")
        git(source, "add", "--all")
        git(source, "commit", "--message=x")
    return written(source, PRODUCTS)


@pytest.fixture
def worktree(tmp_path: Path) -> Worktree:
    (tmp_path / "copy").mkdir()
    return Worktree(tmp_path / "copy")


def state(directory: Path) -> dict[str, tuple[int, int]]:
    """Every file with its times."""
    return {
        str(path.relative_to(directory)): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns)
        for path in directory.rglob("*")
        if path.is_file()
    }


def copied(worktree: Worktree) -> set[str]:
    return {path for path in state(worktree.source) if not path.startswith(".")}


def test_sources_are_copied_and_products_are_not(tree: Path, worktree: Worktree) -> None:
    before = state(tree)
    bring_up_to_date(tree, worktree)
    assert copied(worktree) == SOURCE.keys() - {"drivers/gpu/large.c"}
    assert state(tree) == before


def test_what_did_not_change_is_not_copied_again(tree: Path, worktree: Worktree) -> None:
    digest = bring_up_to_date(tree, worktree)
    before = state(worktree.source)
    assert bring_up_to_date(tree, worktree) == digest
    assert state(worktree.source) == before


def test_what_changed_is_copied_alone(tree: Path, worktree: Worktree) -> None:
    digest = bring_up_to_date(tree, worktree)
    before = state(worktree.source)
    written(tree, {OVERLAYFS: "changed\n", "fs/new.c": "new\n"})
    assert bring_up_to_date(tree, worktree) != digest
    after = state(worktree.source)
    assert {path for path in after if after[path] != before.get(path)} == {OVERLAYFS, "fs/new.c"}
    assert (worktree.source / OVERLAYFS).read_text() == "changed\n"


def test_what_was_deleted_goes(tree: Path, worktree: Worktree) -> None:
    bring_up_to_date(tree, worktree)
    (tree / "fs/namei.c").unlink()
    bring_up_to_date(tree, worktree)
    assert not (worktree.source / "fs/namei.c").exists()


def test_going_back_to_an_older_file_is_news_to_make(tree: Path, worktree: Worktree) -> None:
    os.utime(tree / OVERLAYFS, (1, 1))
    bring_up_to_date(tree, worktree)
    written(tree, {OVERLAYFS: "changed\n"})
    bring_up_to_date(tree, worktree)
    changed = (worktree.source / OVERLAYFS).stat().st_mtime_ns
    written(tree, SOURCE)
    os.utime(tree / OVERLAYFS, (1, 1))
    bring_up_to_date(tree, worktree)
    assert (worktree.source / OVERLAYFS).read_text() == SOURCE[OVERLAYFS]
    assert (worktree.source / OVERLAYFS).stat().st_mtime_ns >= changed


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is missing")
def test_patches_are_put_on_the_copy_as_it_is_by_now(tree: Path, worktree: Worktree) -> None:
    bring_up_to_date(tree, worktree)
    worktree.put([Patch("one", changing())])
    written(tree, {OVERLAYFS: SOURCE[OVERLAYFS] + "eight\n"})
    bring_up_to_date(tree, worktree)
    worktree.put([Patch("one", changing())])
    assert (worktree.source / OVERLAYFS).read_text() == SOURCE[OVERLAYFS].replace("four", "FOUR") + "eight\n"
