"""Guests from any kernel image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dirmeta.labs import LabError
from dirmeta.labs.guest import bzimage, image, machine
from dirmeta.labs.guest.bzimage import Kernel
from dirmeta.labs.guest.console import explanation
from dirmeta.labs.native.console import Console
from dirmeta.model.tree import Node
from dirmeta.observe.steps import Job, Layout, Mount, Walk

STOCK = Kernel(Path("/boot/vmlinuz"), "6.1", None)


@pytest.fixture
def with_modules(tmp_path: Path) -> Kernel:
    (tmp_path / "modules.order").write_text("kernel/fs/fuse/virtiofs.ko\n")
    return STOCK._replace(modules=tmp_path)


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    yield made
    made.close()


def test_emulated_processors() -> None:
    words = image.command("virtme-run", STOCK, 7, 2, emulated=True)
    assert "--disable-kvm" in words and "--disable-microvm" in words
    assert words[words.index("--cpus") + 1] == "2"
    assert "--disable-kvm" not in image.command("virtme-run", STOCK, 7, 2, emulated=False)


def test_the_port_is_the_descriptor() -> None:
    words = image.command("virtme-run", STOCK, 7, 1, emulated=True)
    options = words[words.index("--qemu-opts") :]
    assert f"socket,id={machine.PORT},fd=7" in options
    assert f"virtserialport,chardev={machine.PORT},name={machine.PORT}" in options


def test_files_come_as_the_kernel_can_have_them(with_modules: Kernel) -> None:
    alone = image.command("virtme-run", STOCK, 7, 1, emulated=True)
    assert "--mods=none" in alone and "--force-9p" in alone
    words = image.command("virtme-run", with_modules, 7, 1, emulated=True)
    assert "--mods=auto" in words and "--force-9p" not in words


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no program but those in the directory."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(image, "_MORE_PLACES", ())
    monkeypatch.setattr("sys.executable", f"{tmp_path}/python")
    return tmp_path


def install(directory: Path, *programs: str) -> None:
    for program in programs:
        (directory / program).touch(0o755)


def test_missing_programs_are_named_all_at_once(bare: Path, with_modules: Kernel) -> None:
    install(bare, "file", "depmod")
    with pytest.raises(LabError) as raised:
        image.find_programs(with_modules, "image:x")
    assert str(raised.value) == (
        "image:x needs virtme-run, qemu-system-x86_64, busybox and virtiofsd; "
        "apt-get install virtme-ng qemu-system-x86 busybox-static virtiofsd "
        "(on Debian 12: pip install virtme-ng)"
    )


def test_modules_alone_need_busybox(bare: Path) -> None:
    install(bare, "virtme-run", "qemu-system-x86_64", "file")
    assert image.find_programs(STOCK, "image:x") == f"{bare}/virtme-run"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Failed to mount real root.  We are stuck.\n", "CONFIG_9P_FS"),
        ('VFS: Cannot open root device "" or unknown-block(0,0): error -19\n', "CONFIG_9P_FS"),
        (f"{machine.NO_PORT}\n", "CONFIG_VIRTIO_CONSOLE"),
        ("one\ntwo\nthree\nfour\n", "two | three | four"),
        ("", "it said nothing"),
    ],
)
def test_the_console_tells_why(console: Console, said: str, why: str) -> None:
    os.write(console.writing, said.encode())
    assert why in explanation(console, image.REASONS)


def some_image() -> str:
    """One to boot, told by the environment or the machine's own."""
    return os.environ.get("DIRMETA_TEST_IMAGE") or f"/boot/vmlinuz-{os.uname().release}"


def test_a_guest_merges_directories() -> None:
    try:
        kernel = bzimage.kernel(some_image())
        image.find_programs(kernel, "it")
    except (bzimage.ImageError, LabError) as error:
        pytest.skip(str(error))
    directory = Node("directory", 0o755, 0, 0, 0)
    steps = (
        Layout("1", {"": directory, "d": directory._replace(mode=0o700)}),
        Layout("2", {"": directory, "d": directory._replace(mode=0o711)}),
        Mount("m", ("2", "1")),
        Walk("m"),
    )
    with image.ImageLab(kernel, "it") as lab:
        [results] = lab.run([Job(steps, lab.limits.backings[0])])
        assert lab.kernel.split()[0] == kernel.release
    assert isinstance(results[-1], dict)
    assert results[-1]["d"] == steps[1].tree["d"]
