"""Fragments, and options that do not survive."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirmeta.kernels import config
from dirmeta.kernels.errors import KernelError
from dirmeta.kernels.variants import ARCHS, Arch

GIVEN = {"OVERLAY_FS": "y", "TMPFS_XATTR": "y"}


def test_options_are_read_as_kconfig_writes_them() -> None:
    text = 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="null"\n# a word on CONFIG_D\nCONFIG_A=n\n'
    assert config.options(text) == {"A": "n", "B": "n", "C": '"null"'}


@pytest.mark.parametrize("arch", ARCHS)
def test_fragments_say_nothing_twice(arch: Arch) -> None:
    lines = [line for line in config.fragments(arch, ["debug"]).splitlines() if "CONFIG_" in line]
    assert len(lines) == len(config.options("\n".join(lines)))


@pytest.mark.parametrize(
    ("arch", "extras", "option"),
    [
        ("um", (), "HOSTFS"),
        ("x86", (), "VIRTIO_PCI"),
        ("um", ("debug",), "PROVE_LOCKING"),
        ("x86", ("debug",), "OVERLAY_FS"),
        ("um", ("smp",), "SMP"),
        ("x86", ("smp", "debug"), "SMP"),
    ],
)
def test_each_kind_of_kernel_has_its_own(arch: Arch, extras: tuple[str, ...], option: str) -> None:
    assert config.options(config.fragments(arch, extras))[option] == "y"


def test_a_kernel_is_not_debugged_unasked() -> None:
    assert "PROVE_LOCKING" not in config.options(config.fragments("um"))


def test_options_that_are_lost_are_named_together(source: Path) -> None:
    with pytest.raises(KernelError, match="CONFIG_OVERLAY_FS=y, CONFIG_TMPFS_XATTR=y"):
        config.check(GIVEN, {}, source, "6.12.117")


def test_a_string_that_is_another_is_lost_too(source: Path) -> None:
    with pytest.raises(KernelError, match='CONFIG_OVERLAY_FS="a"'):
        config.check({"OVERLAY_FS": '"a"'}, {"OVERLAY_FS": '"b"'}, source, "6.12.117")


def test_what_a_version_does_not_know_it_need_not_have(source: Path) -> None:
    config.check(GIVEN | {"NEWER": "y"}, GIVEN, source, "6.12.117")


@pytest.mark.parametrize("option", config.ESSENTIAL)
def test_without_the_essential_nothing_is_built_whoever_knows_it(source: Path, option: str) -> None:
    with pytest.raises(KernelError, match=f"CONFIG_{option}=y"):
        config.check({option: "y"}, {}, source, "6.12.117")


def test_what_only_helps_to_debug_need_not_be_had(source: Path) -> None:
    (source / "Kconfig").write_text("config DEBUG_ATOMIC_SLEEP\nconfig PROVE_LOCKING\n")
    config.check({"DEBUG_ATOMIC_SLEEP": "y"}, {}, source, "6.12.117")


def test_what_is_to_be_off_may_be_unknown(source: Path) -> None:
    config.check({"OVERLAY_FS": "n", "NEWER": "n"}, {}, source, "6.12.117")
