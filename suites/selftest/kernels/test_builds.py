"""From a version, a tarball or a tree to an image in the cache, with programs that pretend."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dirmeta import kernels
from dirmeta.kernels import KernelError, KernelUsageError, config, patches
from dirmeta.kernels.cleaning import clean_all, clean_work
from dirmeta.kernels.patches import Patch
from dirmeta.kernels.store import recipe
from dirmeta.kernels.variants import Variant
from suites.selftest.kernels.conftest import OVERLAYFS, SOURCE, changing, written

STOCK = Variant("6.12", "6.12")
PATCHED = Variant("mine", "6.12", patches=(Patch("mine.patch", changing()),))


@pytest.fixture
def made(tools: Path, cache: Path) -> Path:
    """What make was asked for, a line each time."""
    return cache / "kernels/6.12/objects/um/made"


def test_a_version_is_fetched_configured_and_compiled(made: Path) -> None:
    steps: list[str] = []
    built = kernels.build(STOCK, steps.append)
    assert built.image.read_text() == SOURCE[OVERLAYFS]
    assert (built.version, built.source) == ("6.12.117", "linux-source-6.12 6.12.117-1")
    assert built.options["OVERLAY_FS"] == "y"
    assert made.read_text().split() == ["allnoconfig", "linux"]
    assert "unfinished" not in [path.name for path in made.parent.iterdir()]
    assert [step.split()[0] for step in steps] == [
        "apt-get",
        "apt-get",
        "unpacking",
        "configuring",
        "compiling:",
    ]


def test_the_second_time_it_comes_from_the_cache(made: Path) -> None:
    first = kernels.build(STOCK)
    assert kernels.build(STOCK) == first
    assert made.read_text().split() == ["allnoconfig", "linux"]


def test_variants_share_objects_and_do_not_mix(made: Path) -> None:
    stock = kernels.build(STOCK)
    patched = kernels.build(PATCHED)
    assert "FOUR" in patched.image.read_text() and "FOUR" not in stock.image.read_text()
    assert made.read_text().split().count("linux") == 2
    assert kernels.build(STOCK).image == stock.image


@pytest.mark.usefixtures("made")
def test_an_option_that_is_edited_during_a_build_is_not_taken_to_be_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fragments = config.fragments

    def edit(step: str) -> None:
        if step.startswith("compiling"):
            monkeypatch.setattr(config, "fragments", lambda *of: fragments(*of) + "CONFIG_NEW=y\n")

    built = kernels.build(STOCK, edit)
    assert built.recipe != recipe(STOCK)
    monkeypatch.setattr(config, "fragments", fragments)
    assert built.recipe == recipe(STOCK)
    assert kernels.build(STOCK) == built


def test_a_tarball_takes_the_place_of_debian_s_source(made: Path, tarball: Path) -> None:
    built = kernels.build(STOCK, tarball=tarball)
    assert built.source == "source.tar"
    assert kernels.build(STOCK).source == "source.tar"


def test_a_tarball_of_another_version_is_refused(made: Path, tarball: Path) -> None:
    with pytest.raises(KernelUsageError, match=r"source\.tar: is the source of 6\.12\.117, not of 6\.1$"):
        kernels.build(Variant("6.1", "6.1"), tarball=tarball)


def test_a_tarball_that_is_none_costs_nothing_that_is_there(made: Path, tmp_path: Path) -> None:
    built = kernels.build(STOCK)
    (tmp_path / "none.tar").write_text("text")
    with pytest.raises(KernelError, match=r"none\.tar: "):
        kernels.build(STOCK, tarball=tmp_path / "none.tar")
    assert made.exists()
    assert kernels.build(STOCK) == built


def test_what_a_killed_build_left_is_no_obstacle(made: Path, cache: Path) -> None:
    for name in ("download", "unpacking"):
        (cache / "kernels/6.12" / name / "linux").mkdir(parents=True)
    kernels.build(STOCK)
    assert made.exists()
    assert not (cache / "kernels/6.12/download").exists()


def test_a_patch_that_does_not_apply_is_no_harm_to_the_next_build(made: Path) -> None:
    bad = Variant("bad", "6.12", patches=(Patch("bad.patch", changing(old="no")),))
    with pytest.raises(
        KernelUsageError, match=r"bad\.patch: does not apply to 6\.12\.117: .*super\.c: hunk 1"
    ):
        kernels.build(bad)
    assert kernels.build(PATCHED).image.read_text().count("FOUR") == 1


def test_what_does_not_compile_is_named_with_its_log(made: Path) -> None:
    broken = Variant("broken", "6.12", patches=(Patch("x", changing(new="#error four")),))
    with pytest.raises(
        KernelError, match=r"broken: does not build: fs/overlayfs/super\.c:4:2: error"
    ) as caught:
        kernels.build(broken)
    log = Path(str(caught.value).rpartition(" ")[2])
    assert "#error four" in log.read_text()


def test_after_a_failure_objects_are_kept_and_after_a_kill_they_are_not(made: Path) -> None:
    with pytest.raises(KernelError):
        kernels.build(Variant("broken", "6.12", patches=(Patch("x", changing(new="#error four")),)))
    kernels.build(STOCK)
    assert made.read_text().split().count("allnoconfig") == 2
    made.with_name("unfinished").touch()
    kernels.build(PATCHED)
    assert made.read_text().split().count("allnoconfig") == 1


def test_an_option_that_is_lost_is_named(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRMETA_TEST_LOSES", "CONFIG_HOSTFS")
    with pytest.raises(KernelError, match=r"6\.12\.117: can not be configured with CONFIG_HOSTFS=y;"):
        kernels.build(STOCK)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("missing", [["flex"], ["bison", "flex"], ["bc", "bison", "make"]])
def test_what_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch, missing: list[str]) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in missing else found(name))
    with pytest.raises(KernelError, match=r"kernel build: .* missing; apt-get install") as caught:
        kernels.build(STOCK)
    assert sorted(str(caught.value).rpartition("install ")[2].split()) == missing


def test_headers_can_be_missing_as_well(tools: Path) -> None:
    (tools / "gcc").write_text("#!/bin/sh\ncase $* in *gelf*) exit 1 ;; esac\n")
    with pytest.raises(KernelError, match="kernel build: libelf-dev is missing; apt-get install libelf-dev"):
        kernels.build(Variant("6.12", "6.12", "x86"))


def test_no_space_is_said_before_anything_is_fetched(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dirmeta.kernels.builds.SPACE", 1e9)
    with pytest.raises(
        KernelError, match=r"no space: 1e\+09 GB are needed, .* free; make room, or set DIRMETA_CACHE"
    ):
        kernels.build(STOCK)


def test_what_is_not_built_says_how(cache: Path) -> None:
    with pytest.raises(
        KernelError, match=r"^uml:6\.12\+dirmeta: not built yet; run: dirmeta kernel build 6\.12\+dirmeta$"
    ):
        kernels.find("6.12+dirmeta")
    with pytest.raises(KernelError, match=r"^x86:6\.12: .* build 6\.12 --arch x86$"):
        kernels.find("6.12", "x86")
    with pytest.raises(KernelError, match=r"^uml:mine: .* build VERSION --patch FILE --name mine$"):
        kernels.find("mine")


def test_what_is_built_is_found(made: Path) -> None:
    built = kernels.build(PATCHED)
    assert kernels.find("mine") == built


def test_a_kernel_with_another_patch_than_the_suite_s_is_out_of_date(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures = shutil.copytree(patches.folder(), tmp_path / "fixtures")
    monkeypatch.setattr(patches, "folder", lambda: fixtures)
    (fixtures / "multicall-6.12.patch").write_bytes(changing())
    built = kernels.build(kernels.reference("6.12"))
    assert built.batching and kernels.find("6.12") == built
    (fixtures / "multicall-6.12.patch").write_bytes(changing(new="4"))
    with pytest.raises(KernelError, match=r"uml:6\.12: .* others by now; run: dirmeta kernel build 6\.12"):
        kernels.find("6.12")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")
def test_a_tree_is_built_as_it_is_now(made: Path, source: Path) -> None:
    first = kernels.tree(source)
    assert first.name == f"tree:{source}" and not first.batching
    assert kernels.tree(source) == first
    written(source, {OVERLAYFS: "changed\n"})
    second = kernels.tree(source, patches=[Patch("x", changing("fs/namei.c", "name", "NAME"))], name="mine")
    assert second.image.read_text() == "changed\n" and second.patches == ("x",)
    assert (source / "fs/namei.c").read_text() == "name\n"
    assert kernels.find("mine") == second


def test_what_is_no_tree_is_named(made: Path, tmp_path: Path) -> None:
    with pytest.raises(KernelUsageError, match="is not the source of a kernel"):
        kernels.tree(tmp_path)


def test_cleaning_leaves_what_is_built(made: Path, cache: Path) -> None:
    built = kernels.build(STOCK)
    clean_work(print)
    assert not (cache / "kernels/6.12").exists()
    assert built.image.exists()


def test_cleaning_all_leaves_nothing(made: Path, cache: Path) -> None:
    built = kernels.build(STOCK)
    clean_all(print)
    assert not built.image.exists()
    assert [path.name for path in (cache / "kernels").iterdir()] == ["6.12.lock"]
