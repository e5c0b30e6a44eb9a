"""A kernel image for x86, and the modules that belong to it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final, NamedTuple

_MAGIC_AT: Final = 0x202
_MAGIC: Final = b"HdrS"
_VERSION_AT: Final = 0x20E
_VERSION_FROM: Final = 0x200
_VERSION_MAX: Final = 256
"""Documentation/arch/x86/boot.rst: at 0x20E lies where the version string is, counted from 0x200."""

_9P: Final = "kernel/fs/9p/9p."


class ImageError(ValueError):
    """No image, or modules that are not its own; one line that names the thing and the remedy."""


class Kernel(NamedTuple):
    """What is to boot.

    image    the bzImage, absolute
    release  as ``uname -r`` tells it there
    modules  what would be /lib/modules/RELEASE on a machine of its own; None for none
    """

    image: Path
    release: str
    modules: Path | None

    @property
    def speaks_9p(self) -> bool:
        """Whether it can have the host's files by 9p: as far as its modules tell, else it is taken to."""
        if self.modules is None:
            return True
        lists = (self.modules / name for name in ("modules.order", "modules.builtin"))
        return any(_9P in each.read_text("utf-8", "replace") for each in lists if each.is_file())


def kernel(spec: str) -> Kernel:
    """What ``/path/to/bzImage[,modules=DIR]`` asks for. Raises ImageError."""
    path, comma, option = spec.partition(",")
    name, _, directory = option.partition("=")
    if comma and (name != "modules" or not directory):
        raise ImageError(f"{option!r} is no option of an image; there is modules=DIR, then cpus=N")
    image = Path(path).absolute()
    release = release_of(image)
    modules = _given(Path(directory).absolute(), release) if comma else _beside(image, release)
    return Kernel(image, release, modules)


def release_of(image: Path) -> str:
    """The release in a bzImage's header. Raises ImageError."""
    try:
        with image.open("rb") as file:
            header = file.read(_VERSION_AT + 2)
            if header[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
                raise ImageError(f"{image} is no kernel image for x86; give a bzImage like /boot/vmlinuz-*")
            file.seek(_VERSION_FROM + struct.unpack_from("<H", header, _VERSION_AT)[0])
            version = file.read(_VERSION_MAX)
    except OSError as error:
        raise ImageError(f"{image}: {error.strerror}; give a bzImage that can be read") from error
    return version.partition(b"\0")[0].partition(b" ")[0].decode("ascii", "replace")


def _given(directory: Path, release: str) -> Path:
    places = (directory / "lib/modules" / release, directory / release, directory)
    found = next(filter(_has_modules, places), None)
    if found is None:
        raise ImageError(
            f"{directory} holds no modules for {release}; give a directory that "
            f"`make modules_install INSTALL_MOD_PATH=DIR` or a package has filled"
        )
    return found


def _beside(image: Path, release: str) -> Path | None:
    """/lib/modules/RELEASE of the root that the image lies in, as for /boot/vmlinuz and unpacked packages."""
    places = (root / "lib/modules" / release for root in image.resolve().parents)
    return next(filter(_has_modules, places), None)


def _has_modules(directory: Path) -> bool:
    return (directory / "modules.order").is_file()
