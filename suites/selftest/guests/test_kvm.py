"""Whether KVM is used: decided by a guest that speaks, not by a device that opens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dirmeta.labs.guest import kvm


def qemu(directory: Path, does: str) -> str:
    """A program in the place of QEMU."""
    program = directory / "qemu"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    return str(program)


def test_a_guest_that_speaks_is_enough(tmp_path: Path) -> None:
    program = qemu(tmp_path, "echo; printf '[    0.000000] Linux '; echo 'version 6.1'; exec sleep 1000")
    assert kvm.obstacle(program, tmp_path / "image", os.devnull) == ""


def test_it_is_given_the_image_and_kvm(tmp_path: Path) -> None:
    program = qemu(tmp_path, 'case "$*" in *"-accel kvm"*"-kernel /an/image"*) echo "Linux version 6";; esac')
    assert kvm.obstacle(program, Path("/an/image"), os.devnull) == ""
    assert kvm.obstacle(program, Path("/another"), os.devnull) == "QEMU fails with /dev/kvm"


def test_a_guest_that_hangs_is_ended(tmp_path: Path) -> None:
    program = qemu(tmp_path, f"echo $$ >{tmp_path}/pid; echo Probing EDD; exec sleep 1000")
    assert kvm.listen([program], 0.5) == "guests hang on /dev/kvm"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_program_that_ends_is_an_obstacle(tmp_path: Path) -> None:
    assert kvm.listen([qemu(tmp_path, "exit 1")], 5.0) == "QEMU fails with /dev/kvm"


def test_the_device_comes_first(tmp_path: Path) -> None:
    assert kvm.obstacle("qemu", tmp_path, f"{tmp_path}/none") == f"there is no {tmp_path}/none"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open anything")
def test_a_device_of_others_is_an_obstacle(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    device.touch(0o444)
    assert kvm.obstacle("qemu", tmp_path, str(device)) == f"{device} can not be opened"


def test_it_is_asked_once(tmp_path: Path) -> None:
    program = qemu(tmp_path, "echo Linux version 6")
    answers = [kvm.obstacle(program, tmp_path, os.devnull)]
    os.unlink(program)
    answers.append(kvm.obstacle(program, tmp_path, os.devnull))
    assert answers == ["", ""]
