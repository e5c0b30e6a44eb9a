"""Built kernels are complete or not there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dirmeta.kernels.patches import Patch
from dirmeta.kernels.sources import Origin
from dirmeta.kernels.store import Built, Store, key
from dirmeta.kernels.variants import Variant

VARIANT = Variant("6.12", "6.12")
ORIGIN = Origin("here", "1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kernels")


@pytest.fixture
def built(tmp_path: Path) -> Built:
    (tmp_path / "linux").write_text("image")
    return Built(
        name="6.12+dirmeta", arch="um", image=tmp_path / "linux", version="6.12.117", source="here",
        patches=("one.patch",), batching=True, options={"HOSTFS": "y"}, recipe="r", key="k",
    )  # fmt: skip


def test_what_is_added_is_found_by_name_and_by_key(store: Store, built: Built, tmp_path: Path) -> None:
    added = store.add(built, tmp_path / "part")
    assert added.image.read_text() == "image" and added.image.is_absolute()
    assert store.named("6.12+dirmeta", "um") == store.get("k") == added
    assert replace(added, image=built.image) == built
    assert not (tmp_path / "part").exists()


def test_a_name_is_of_one_arch(store: Store, built: Built, tmp_path: Path) -> None:
    store.add(built, tmp_path / "part")
    assert store.named("6.12+dirmeta", "x86") is None


def test_a_name_may_be_a_path(store: Store, built: Built, tmp_path: Path) -> None:
    named = replace(built, name="tree:/home/100%/linux")
    store.add(named, tmp_path / "part")
    assert [each.name for each in store.all()] == ["tree:/home/100%/linux"]


def test_a_kernel_has_every_name_that_it_was_given(store: Store, built: Built, tmp_path: Path) -> None:
    store.add(built, tmp_path / "part")
    assert store.point("other", built).name == "other"
    assert [each.name for each in store.all()] == ["6.12+dirmeta", "other"]


def test_what_a_killed_build_left_is_in_nobody_s_way(store: Store, built: Built, tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part/linux").write_text("half")
    (store.directory / "images/k").mkdir(parents=True)
    assert store.get("k") is None
    assert store.add(built, tmp_path / "part").image.read_text() == "image"


def test_removing_a_name_removes_an_image_that_has_no_other(
    store: Store, built: Built, tmp_path: Path
) -> None:
    added = store.add(built, tmp_path / "part")
    store.point("other", added)
    store.remove("other", "um")
    assert added.image.exists()
    store.remove("6.12+dirmeta", "um")
    assert not added.image.exists() and list(store.all()) == []


def test_images_that_lost_their_name_stay_for_a_day(store: Store, built: Built, tmp_path: Path) -> None:
    first = store.add(built, tmp_path / "part")
    second = store.add(replace(built, key="k2"), tmp_path / "part")
    assert first.image.exists()
    os.utime(first.image.parent, (1, 1))
    os.utime(second.image.parent, (1, 1))
    store.add(replace(built, name="other", key="k3"), tmp_path / "part")
    assert not first.image.exists() and second.image.exists()


@pytest.mark.parametrize(
    "other",
    [
        replace(VARIANT, patches=(Patch("a", b"x"),)),
        replace(VARIANT, extras=("debug",)),
        replace(VARIANT, arch="x86"),
    ],
    ids=["patch", "debug", "arch"],
)
def test_what_a_kernel_is_made_from_decides_its_key(other: Variant) -> None:
    assert key(VARIANT, ORIGIN, "gcc 12") != key(other, ORIGIN, "gcc 12")


def test_source_and_compiler_decide_it_too() -> None:
    keys = {key(VARIANT, origin, gcc) for origin in (ORIGIN, Origin("here", "2")) for gcc in ("12", "14")}
    assert len(keys) == 4


def test_its_name_does_not() -> None:
    assert key(VARIANT, ORIGIN, "12") == key(replace(VARIANT, name="x"), Origin("x", "1"), "12")


def test_the_order_of_patches_does() -> None:
    one, two = Patch("1", b"1"), Patch("2", b"2")
    assert key(replace(VARIANT, patches=(one, two)), ORIGIN, "") != key(
        replace(VARIANT, patches=(two, one)), ORIGIN, ""
    )
