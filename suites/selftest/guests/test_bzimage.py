"""Kernel images and the modules that belong to them."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from dirmeta import kernels, labs
from dirmeta.labs.guest.bzimage import ImageError, Kernel, kernel

RELEASE = "6.1.0-53-amd64"


def image(root: Path) -> Path:
    """An image of `RELEASE`, as far as its header goes."""
    header = bytearray(0x1000)
    header[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", header, 0x20E, 0x300)
    version = f"{RELEASE} (builder@host) #1 SMP\0".encode()
    header[0x500 : 0x500 + len(version)] = version
    (root / "boot").mkdir()
    file = root / "boot/vmlinuz"
    file.write_bytes(header)
    return file


def modules(directory: Path, order: str = "kernel/fs/9p/9p.ko\n") -> Path:
    directory.mkdir(parents=True)
    (directory / "modules.order").write_text(order)
    return directory


def test_the_header_tells_the_release(tmp_path: Path) -> None:
    assert kernel(str(image(tmp_path))) == Kernel(tmp_path / "boot/vmlinuz", RELEASE, None)


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert kernel("boot/vmlinuz").image == tmp_path / "boot/vmlinuz"


def test_modules_of_the_root_it_lies_in_are_its_own(tmp_path: Path) -> None:
    file = image(tmp_path)
    modules(tmp_path / "lib/modules/another")
    assert kernel(str(file)).modules is None
    own = modules(tmp_path / "lib/modules" / RELEASE)
    assert kernel(str(file)).modules == own


@pytest.mark.parametrize("given", ["", "lib/modules", f"lib/modules/{RELEASE}"])
def test_modules_are_given_at_any_height(tmp_path: Path, given: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    own = modules(tmp_path / "lib/modules" / RELEASE)
    assert kernel(f"{image(tmp_path / 'elsewhere')},modules={tmp_path / given}").modules == own


@pytest.mark.parametrize(
    ("order", "builtin", "speaks"),
    [
        ("kernel/fs/9p/9p.ko\n", "", True),
        ("kernel/fs/overlayfs/overlay.ko\n", "kernel/fs/9p/9p.ko\n", True),
        ("kernel/fs/fuse/virtiofs.ko\n", "kernel/fs/ext4/ext4.ko\n", False),
    ],
)
def test_lists_of_modules_tell_of_9p(tmp_path: Path, order: str, builtin: str, speaks: bool) -> None:
    directory = modules(tmp_path / "lib/modules" / RELEASE, order)
    (directory / "modules.builtin").write_text(builtin)
    assert kernel(str(image(tmp_path))).speaks_9p == speaks


def test_an_image_without_modules_is_taken_to_speak_9p(tmp_path: Path) -> None:
    assert kernel(str(image(tmp_path))).speaks_9p


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (",modules=", "'modules=' is no option of an image; there is modules=DIR, then cpus=N"),
        (",module=x", "'module=x' is no option"),
        (",modules=/nonexistent", f"/nonexistent holds no modules for {RELEASE}; give a directory"),
    ],
)
def test_an_option_that_can_not_be_is_named(tmp_path: Path, option: str, text: str) -> None:
    file = image(tmp_path)
    with pytest.raises(ImageError, match=text):
        kernel(f"{file}{option}")


def test_a_file_that_is_no_image_is_refused_before_anything_runs(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text")
    with pytest.raises(labs.UnknownLab, match="is no kernel image for x86"):
        labs.check(f"image:{file}")
    with pytest.raises(labs.UnknownLab, match="No such file or directory"):
        labs.check(f"image:{tmp_path}/none")


def test_a_guest_takes_no_directory_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(labs.UnknownLab, match="leave --scratch out"):
        labs.lab(f"image:{image(tmp_path)}", labs.Wanted(directory=str(tmp_path)))


def test_an_image_is_known_by_the_name_it_was_built_under(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = SimpleNamespace(image=image(tmp_path))
    monkeypatch.setattr(
        kernels, "find", lambda name, arch: built if (name, arch) == ("mine", "x86") else None
    )
    labs.check("image:mine,cpus=1")
    monkeypatch.undo()
    with pytest.raises(kernels.KernelError, match=r"x86:no-such: not built yet; run: .* --arch x86"):
        labs.check("image:no-such")


@pytest.mark.parametrize("kind", ["uml", "image"])
@pytest.mark.parametrize("cpus", ["", "0", "2x", "1,modules=x", "99999"])
def test_processors_that_can_not_be_had_are_refused(tmp_path: Path, kind: str, cpus: str) -> None:
    with pytest.raises(labs.UnknownLab, match=rf"^cpus={cpus}: a number from 1 to \d+ is wanted"):
        labs.check(f"{kind}:{image(tmp_path)},cpus={cpus}")
