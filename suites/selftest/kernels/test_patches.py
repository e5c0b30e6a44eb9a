"""Applying patches: what comes of it, and which file and hunk did not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dirmeta import locations
from dirmeta.kernels.errors import KernelUsageError
from dirmeta.kernels.patches import Patch, applied, read_patch
from suites.selftest.kernels.conftest import OVERLAYFS, SOURCE, changing, written

NEW = b"--- /dev/null\n+++ b/fs/overlayfs/new.c\n@@ -0,0 +1 @@\n+new\n"
needs_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="patch is missing")


def outcome(tmp_path: Path, *texts: bytes) -> Path:
    written(tmp_path / "originals", SOURCE)
    patches = [Patch(f"{number}.patch", text) for number, text in enumerate(texts, 1)]
    applied(tmp_path / "originals", patches, tmp_path / "scratch", "6.12.117")
    return tmp_path / "scratch"


def test_the_files_that_a_patch_touches_are_found() -> None:
    renaming = b"diff --git a/a b/b\nrename from fs/a.c\nrename to fs/b.c\n"
    evil = b"--- a/../../etc/passwd\n+++ b/../../etc/passwd\n"
    assert Patch("", changing() + NEW + renaming + evil).paths == {
        OVERLAYFS, "fs/overlayfs/new.c", "fs/a.c", "fs/b.c",
    }  # fmt: skip


@pytest.mark.parametrize(
    "file", sorted((locations.fixtures() / "kernels").glob("*.patch")), ids=lambda f: f.name
)
def test_the_suite_s_own_patches_touch_what_they_are_about(file: Path) -> None:
    paths = read_patch(str(file)).paths
    within = (
        ("arch/um/",)
        if file.name.startswith("multicall")
        else ("fs/overlayfs/", "Documentation/filesystems/")
    )
    assert paths and all(path.startswith(within) for path in paths)


@needs_patch
def test_patches_build_upon_each_other(tmp_path: Path) -> None:
    scratch = outcome(tmp_path, changing(), changing(old="FOUR", new="4"), NEW)
    assert (scratch / OVERLAYFS).read_text().splitlines()[3] == "4"
    assert (scratch / "fs/overlayfs/new.c").read_text() == "new\n"


@needs_patch
def test_only_what_is_touched_is_there(tmp_path: Path) -> None:
    scratch = outcome(tmp_path, changing())
    assert [path.name for path in scratch.rglob("*") if path.is_file()] == ["super.c"]


@needs_patch
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            changing(old="nothing"),
            r"1.patch: does not apply to 6.12.117: fs/overlayfs/super.c: hunk 1 does not fit",
        ),
        (changing(path="fs/namei.c", old="other", around=0), "fs/namei.c: hunk 1 does not fit"),
        (
            changing().replace(b"super.c", b"lacking.c"),
            "it changes fs/overlayfs/lacking.c, which is not there",
        ),
        (b"no patch at all\n", "Only garbage was found"),
        (changing()[:-20], "unexpected end of file in patch"),
    ],
    ids=["hunk", "other file", "no file", "garbage", "cut off"],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: bytes, says: str) -> None:
    with pytest.raises(KernelUsageError, match=says) as caught:
        outcome(tmp_path, text)
    assert "\n" not in str(caught.value)


@needs_patch
def test_the_number_of_the_hunk_is_right(tmp_path: Path) -> None:
    text = changing(old="one", new="ONE", around=1) + changing(old="no", around=1).split(b"\n", 2)[2]
    with pytest.raises(KernelUsageError, match=r"super\.c: hunk 2 does not fit"):
        outcome(tmp_path, text)


@needs_patch
def test_a_patch_that_is_applied_already_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(KernelUsageError, match=r"super\.c has it already"):
        outcome(tmp_path, changing(), changing())


def test_a_patch_that_is_no_file_is_named() -> None:
    with pytest.raises(KernelUsageError, match=r"/nowhere\.patch: No such file"):
        read_patch("/nowhere.patch")


@pytest.mark.parametrize("text", [b"", b"not a patch\n"])
def test_a_file_that_changes_nothing_is_no_patch(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "empty.patch").write_bytes(text)
    with pytest.raises(KernelUsageError, match=r"empty\.patch: is no patch"):
        read_patch(str(tmp_path / "empty.patch"))
