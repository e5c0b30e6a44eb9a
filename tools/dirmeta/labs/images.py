"""Read-only images that lower layers are read from: packed from a directory, and mounted over it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dirmeta.labs import loop, tools
from dirmeta.observe.steps import Freeze
from dirmeta.sandbox import namespace, syscalls


class Packer(NamedTuple):
    """What packs images of a kind, and what these hold.

    arguments  for a directory and the file to make
    mtime      the least and greatest, and the granularity, in ns
    acls       whether ``system.posix_acl_*`` are kept
    name       of so many bytes at most
    """

    program: str
    arguments: Callable[[str, str], Sequence[str]]
    mtime: tuple[int, int, int]
    acls: bool
    name: int


_SECOND: Final = 10**9
PACKERS: Final[dict[str, Packer]] = {
    "erofs": Packer(
        "mkfs.erofs",
        lambda at, file: ("-d0", "-Eforce-inode-extended", file, at),
        (-(1 << 63) * _SECOND, ((1 << 63) - 1) * _SECOND, 1),
        acls=True,
        name=254,  # mkfs.erofs 1.5, which is Debian 12's, fails on longer ones
    ),
    "squashfs": Packer(
        "mksquashfs",
        lambda at, file: (
            at, file, "-noappend", "-quiet", "-no-progress", "-noI", "-noD", "-noF", "-noX",
            "-processors", "1", "-mem", "16M",
        ),
        (0, ((1 << 32) - 1) * _SECOND, _SECOND),
        acls=False,
        name=255,
    ),
}  # fmt: skip


def available() -> tuple[str, ...]:
    """The kinds that this process can make and mount."""
    if not loop.available():
        return ()
    drivers = loop.drivers()
    return tuple(kind for kind, packer in PACKERS.items() if kind in drivers and tools.find(packer.program))


def freeze(step: Freeze, file: str) -> None:
    """Do the step; `file` is a name for the image, which goes again. Raises OSError."""
    namespace.assert_private()
    if step.kind not in PACKERS:
        raise OSError(errno.EOPNOTSUPP, f"this lab has no images of kind {step.kind!r}")
    packer = PACKERS[step.kind]
    try:
        tools.run(packer.program, packer.arguments(step.at, file))
        loop.mount_file(file, step.at, step.kind, syscalls.MS_RDONLY)
    finally:
        if os.path.exists(file):
            os.unlink(file)
