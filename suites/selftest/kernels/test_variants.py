"""How kernels are called, and what is put into them."""

from __future__ import annotations

import pytest

from dirmeta.kernels import patches
from dirmeta.kernels.errors import KernelUsageError
from dirmeta.kernels.patches import Patch
from dirmeta.kernels.variants import is_reference, reference

MINE = Patch("mine.patch", b"")


def test_a_stock_kernel_has_the_batching_call_alone() -> None:
    found = reference("6.12")
    assert [patch.name for patch in found.patches] == ["multicall-6.12.patch"]
    assert found.batching


def test_a_bzimage_has_no_batching_call() -> None:
    found = reference("6.12", "x86")
    assert found.patches == () and not found.batching


def test_an_old_kernel_has_no_batching_call() -> None:
    assert not reference("6.1").batching


def test_the_feature_is_the_reference_patch() -> None:
    assert [patch.name for patch in reference("6.12+dirmeta", "x86").patches] == ["dirmeta-6.12.patch"]


@pytest.mark.parametrize("name", ["6.12", "6.12+dirmeta"])
def test_a_debug_kernel_is_asked_for_by_option_or_by_name(name: str) -> None:
    assert reference(name, extras=["debug"]) == reference(f"{name}-debug")
    assert reference(name, extras=["debug"]).name == f"{name}-debug"


def test_extras_have_one_order() -> None:
    both = reference("6.12-smp", "x86", ["debug"])
    assert both == reference("6.12-debug", "x86", ["smp"]) == reference("6.12-smp-debug", "x86")
    assert both.extras == ("smp", "debug") and both.name == "6.12-smp-debug"
    assert not is_reference("6.12-debug-smp")


@pytest.mark.parametrize("name", ["6", "6.12.1", "6.12+other", "v6.12", "6.12+dirmeta ", ""])
def test_what_is_no_version_is_refused(name: str) -> None:
    assert not is_reference(name)
    with pytest.raises(KernelUsageError, match=r"a version is wanted, like 6\.12"):
        reference(name)


@pytest.mark.parametrize("name", ["6.12", "../x", "", "a/b", "-x", "a b"])
def test_a_name_that_could_be_a_version_or_a_path_is_refused(name: str) -> None:
    with pytest.raises(KernelUsageError, match="--name"):
        reference("6.12").named(name, [MINE])


def test_an_own_kernel_has_the_patches_of_its_version_first() -> None:
    own = reference("6.12+dirmeta-debug").named("mine", [MINE])
    assert own.name == "mine-debug"
    assert [patch.name for patch in own.patches][-1] == "mine.patch" and len(own.patches) == 3


def test_a_version_without_patch_takes_that_of_the_nearest_older_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(patches, "_reference_numbers", lambda: iter([(6, 12), (7, 3), (7, 10)]))
    monkeypatch.setattr(patches, "_own", lambda name: Patch(name, b""))
    nearest = {line: patches.reference_patch(line).name for line in ("6.12", "6.19", "7.9", "7.11")}
    assert nearest == {
        "6.12": "dirmeta-6.12.patch",
        "6.19": "dirmeta-6.12.patch",
        "7.9": "dirmeta-7.3.patch",
        "7.11": "dirmeta-7.10.patch",
    }
    assert patches.reference_lines() == ["6.12", "7.3", "7.10"]


@pytest.mark.parametrize("line", ["6.1", "5.10", "8.0"])
def test_where_no_patch_fits_those_that_are_there_are_named(line: str) -> None:
    with pytest.raises(KernelUsageError, match=rf"{line}: has no reference patch; there is one for 6\.12"):
        reference(f"{line}+dirmeta")
