"""Between variants only what their patches touch is written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dirmeta.kernels.errors import KernelUsageError
from dirmeta.kernels.patches import Patch
from dirmeta.kernels.sources import Origin
from dirmeta.kernels.worktree import Worktree, version_of
from suites.selftest.kernels.conftest import OVERLAYFS, SOURCE, changing, written

ONE = Patch("one", changing())
OTHER = Patch("other", changing(old="five", new="FIVE"))
NEW = Patch("new", b"--- /dev/null\n+++ b/fs/overlayfs/new.c\n@@ -0,0 +1 @@\n+new\n")
needs_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="patch is missing")


@pytest.fixture
def worktree(tmp_path: Path) -> Worktree:
    written(tmp_path / "6.12" / "source", SOURCE)
    for path in (tmp_path / "6.12" / "source").rglob("*"):
        os.utime(path, (1, 1))
    return Worktree(tmp_path / "6.12")


def text(worktree: Worktree) -> str:
    return (worktree.source / OVERLAYFS).read_text()


def fresh(worktree: Worktree) -> set[str]:
    """The files that make would find changed; they are old again afterwards."""
    files = [path for path in worktree.source.rglob("*") if path.is_file()]
    found = {str(path.relative_to(worktree.source)) for path in files if path.stat().st_mtime > 1}
    for path in files:
        os.utime(path, (1, 1))
    return found


@needs_patch
def test_a_patch_changes_what_it_touches_alone(worktree: Worktree) -> None:
    worktree.put([ONE])
    assert "FOUR" in text(worktree)
    assert fresh(worktree) == {OVERLAYFS}


@needs_patch
def test_the_same_patch_again_changes_nothing(worktree: Worktree) -> None:
    worktree.put([ONE])
    fresh(worktree)
    worktree.put([ONE])
    assert fresh(worktree) == set()


@needs_patch
def test_another_patch_takes_the_place_of_the_first(worktree: Worktree) -> None:
    worktree.put([ONE])
    worktree.put([OTHER])
    assert text(worktree) == SOURCE[OVERLAYFS].replace("five", "FIVE")


@needs_patch
def test_going_back_is_a_change_to_make(worktree: Worktree) -> None:
    worktree.put([ONE, NEW])
    fresh(worktree)
    worktree.put([])
    assert text(worktree) == SOURCE[OVERLAYFS]
    assert fresh(worktree) == {OVERLAYFS}
    assert not (worktree.source / "fs/overlayfs/new.c").exists()


@needs_patch
def test_a_copy_has_no_patches_and_leaves_them_here(worktree: Worktree, tmp_path: Path) -> None:
    worktree.put([ONE, NEW])
    worktree.copy_original(tmp_path / "copy")
    assert (tmp_path / "copy" / OVERLAYFS).read_text() == SOURCE[OVERLAYFS]
    assert not (tmp_path / "copy/fs/overlayfs/new.c").exists()
    assert "FOUR" in text(worktree)


@needs_patch
def test_what_was_interrupted_is_put_right(worktree: Worktree) -> None:
    worktree.put([ONE])
    (worktree.source / OVERLAYFS).write_text("half\n")
    worktree.put([OTHER])
    assert text(worktree) == SOURCE[OVERLAYFS].replace("five", "FIVE")


@needs_patch
def test_a_patch_that_does_not_apply_leaves_all_as_it_was(worktree: Worktree) -> None:
    worktree.put([ONE])
    fresh(worktree)
    with pytest.raises(KernelUsageError, match=r"does not apply to 6\.12\.117"):
        worktree.put([ONE, Patch("bad", changing(old="nothing"))])
    assert "FOUR" in text(worktree)
    assert fresh(worktree) == set()
    assert not (worktree.directory / "patched").exists()


@needs_patch
def test_after_restoring_the_originals_are_those_of_the_new_source(worktree: Worktree) -> None:
    worktree.put([ONE])
    worktree.restore()
    assert text(worktree) == SOURCE[OVERLAYFS]
    (worktree.source / OVERLAYFS).write_text(SOURCE[OVERLAYFS] + "eight\n")
    worktree.put([ONE])
    worktree.put([])
    assert text(worktree).endswith("eight\n")


def test_a_source_counts_once_it_is_complete(tmp_path: Path) -> None:
    worktree = Worktree(tmp_path / "6.12")
    with contextlib.suppress(InterruptedError), worktree.new_source() as place:
        written(place, SOURCE)
        raise InterruptedError
    assert worktree.origin() is None and not worktree.source.exists()
    with worktree.new_source() as place:
        written(place, SOURCE)
    assert worktree.origin() is None
    worktree.complete(Origin("here", "1"))
    assert worktree.origin() == ("here", "1")
    assert worktree.version() == "6.12.117"


@pytest.mark.parametrize("lacking", ["Makefile", "Kconfig"])
def test_what_is_no_kernel_s_source_is_named(tmp_path: Path, lacking: str) -> None:
    written(tmp_path, {path: content for path, content in SOURCE.items() if path != lacking})
    with pytest.raises(KernelUsageError, match="is not the source of a kernel"):
        version_of(tmp_path)


def test_a_release_candidate_is_told_from_a_release(tmp_path: Path) -> None:
    written(
        tmp_path, SOURCE | {"Makefile": SOURCE["Makefile"].replace("EXTRAVERSION =", "EXTRAVERSION = -rc1")}
    )
    assert version_of(tmp_path) == "6.12.117-rc1"


def test_who_builds_second_waits_and_says_so(worktree: Worktree) -> None:
    steps: list[str] = []
    said = threading.Event()

    def listen(step: str) -> None:
        steps.append(step)
        said.set()

    def second() -> None:
        with worktree.locked(listen):
            steps.append("mine")

    with worktree.locked(steps.append):
        other = threading.Thread(target=second)
        other.start()
        assert said.wait(10)
        assert steps == ["waiting for another build of 6.12"]
    other.join(10)
    assert steps[1:] == ["mine"]


def test_a_killed_build_is_waited_for_until_its_programs_have_ended(worktree: Worktree) -> None:
    stubborn = ["sh", "-c", "trap '' TERM; echo $$; exec sleep 1000"]
    code = (
        "from dirmeta.kernels.process import run; from dirmeta.kernels.worktree import Worktree\n"
        "from pathlib import Path\n"
        f"with Worktree(Path({str(worktree.directory)!r})).locked(print): run({stubborn!r}, print)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-uc", code], stdout=subprocess.PIPE, env=env) as builder:
        assert builder.stdout is not None
        program = int(builder.stdout.readline())
        builder.kill()
    with worktree.directory.with_name("6.12.lock").open("w") as file:
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.kill(program, signal.SIGKILL)
        fcntl.flock(file, fcntl.LOCK_EX)


def test_a_lock_is_gone_with_who_held_it(worktree: Worktree) -> None:
    with worktree.locked(print):
        pass
    with worktree.directory.with_name("6.12.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
