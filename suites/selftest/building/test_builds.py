"""From a library and a patch to programs in the cache, with a compiler that pretends."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from dirmeta.building import BUILDS
from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.worktree import Worktree
from dirmeta.subjects import SubjectError, built
from suites.selftest.building.conftest import LIBRARY, PATCH, TEXT, written

NAME = "containers-storage"
PATCH_FILE = f"fixtures/subjects/{NAME}-dirmeta.patch"


def quiet(step: str) -> None:
    """Listens to nothing."""


def build() -> built.Built:
    return BUILDS[NAME](quiet)


def compiled(go: Path) -> int:
    """How many programs were compiled."""
    return len((go / "asked").read_text().splitlines())


def test_the_library_is_patched_and_compiled(go: Path) -> None:
    steps: list[str] = []
    made = BUILDS[NAME](steps.append)
    assert Path(made.program("unpack-layer")).read_text() == TEXT.replace("three", "THREE")
    assert {path.name for path in made.directory.iterdir()} == {NAME, "unpack-layer", built.FACTS}
    assert made.version == "1.43"
    assert [step.split()[0] for step in steps] == ["copying", "compiling:", "compiling:"]
    assert (go / "library" / LIBRARY).read_text() == TEXT


def test_what_is_built_is_found(go: Path) -> None:
    made = build()
    assert built.find(NAME) == made


def test_the_second_time_nothing_is_compiled(go: Path) -> None:
    first = build()
    assert build() == first
    assert compiled(go) == 2


def test_a_changed_patch_is_out_of_date_and_built_anew(go: Path) -> None:
    first = build()
    written(go / PATCH_FILE, PATCH.replace("THREE", "3"))
    with pytest.raises(SubjectError, match=f"another by now; run: dirmeta subject build {NAME}"):
        built.find(NAME)
    second = build()
    assert built.find(NAME) == second
    assert first.directory.is_dir(), "runs under way still use it"


def test_builds_without_a_name_go_after_a_day(go: Path) -> None:
    first = build()
    os.utime(first.directory, (0, 0))
    written(go / PATCH_FILE, PATCH.replace("THREE", "3"))
    second = build()
    assert (first.directory.exists(), second.directory.exists()) == (False, True)


def test_what_is_not_built_is_told_with_the_command(go: Path) -> None:
    with pytest.raises(SubjectError, match=f"not built yet; run: dirmeta subject build {NAME}"):
        built.find(NAME)


def test_all_that_is_missing_is_named_at_once(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(go / "library")
    (go / "bin" / "go").unlink()
    monkeypatch.setenv("PATH", f"{go / 'bin'}")
    with pytest.raises(KernelError) as why:
        build()
    assert str(why.value).startswith(f"subject build {NAME}: golang-go, ")
    packages = str(why.value).partition("apt-get install ")[2].split()
    assert {"golang-go", f"golang-github-{NAME}-dev", "golang-github-ulikunitz-xz-dev"} <= {*packages}


def test_a_patch_that_does_not_apply_says_where(go: Path) -> None:
    written(go / "library" / LIBRARY, TEXT.replace("three", "drei"))
    with pytest.raises(KernelUsageError, match=r"does not apply to .* 1\.43: archive\.go: hunk 1"):
        build()


def test_what_debian_leaves_out_of_the_library_is_not_patched(go: Path) -> None:
    documentation = "".join(
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-old\n+new\n"
        for path in ("docs/containers-storage.conf.5.md", "storage.conf")
    )
    written(go / PATCH_FILE, f"diff --git a/archive.go b/archive.go\n{PATCH}{documentation}")
    assert Path(build().program("unpack-layer")).read_text() == TEXT.replace("three", "THREE")


def test_what_the_compiler_says_is_told(go: Path) -> None:
    written(go / PATCH_FILE, PATCH.replace("THREE", "BROKEN"))
    with pytest.raises(SubjectError, match=r"go build: archive\.go:3:1: syntax error"):
        build()
    assert not (built.home() / "names").exists()


def test_an_interrupted_build_leaves_nothing_half_done(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRMETA_TEST_SLOW", "1")

    def interrupt(step: str) -> None:
        if step.startswith("compiling"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        BUILDS[NAME](interrupt)
    assert not (built.home() / NAME / "unfinished").exists()
    with pytest.raises(SubjectError, match="not built yet"):
        built.find(NAME)
    monkeypatch.delenv("DIRMETA_TEST_SLOW")
    assert build() == built.find(NAME)


def test_a_second_build_waits_for_the_first(go: Path) -> None:
    steps: list[str] = []
    with ExitStack() as first:
        first.enter_context(Worktree(built.home() / NAME).locked(quiet))

        def listen(step: str) -> None:
            steps.append(step)
            first.close()

        made = BUILDS[NAME](listen)
    assert steps[0] == f"waiting for another build of {NAME}"
    assert built.find(NAME) == made


def test_what_the_environment_says_of_other_builds_is_not_heeded(
    go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    build()
    assert "-mod=vendor" not in (go / "asked").read_text()
