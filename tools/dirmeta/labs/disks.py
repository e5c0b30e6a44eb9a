"""File systems that layers are written on: each in a sparse file, made when it is first asked for."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from dirmeta.labs import loop, tools
from dirmeta.model.limits import NUMBERS

_MIB: Final = 1 << 20
_SECOND: Final = 10**9


class Disk(NamedTuple):
    """A kind of file system.

    size     of the file in bytes, of which little is ever written
    make     options of its mkfs
    options  it is mounted with
    mtime    the least and greatest it holds, in ns; all of them hold every ns between
    numbers  the greatest major and minor number of a device
    """

    size: int
    make: tuple[str, ...]
    options: str
    mtime: tuple[int, int]
    numbers: tuple[int, int] = NUMBERS


DISKS: Final[dict[str, Disk]] = {
    "ext4": Disk(
        512 * _MIB,
        ("-q", "-F", "-m0", "-I256", "-N65536", "-O^has_journal", "-Elazy_itable_init=1,root_owner=0:0"),
        "user_xattr,acl",
        (-(1 << 31) * _SECOND, 0x3_7FFF_FFFF * _SECOND),  # Documentation/filesystems/ext4
    ),
    "xfs": Disk(
        320 * _MIB,  # mkfs.xfs makes none of less than 300
        ("-q", "-f", "-K", "-m", "bigtime=1"),
        "",
        (-(1 << 31) * _SECOND, 16_299_260_424 * _SECOND),  # XFS_BIGTIME_TIME_MAX in xfs_format.h
        numbers=(511, (1 << 18) - 1),  # xfs_vn_mknod
    ),
    "btrfs": Disk(
        256 * _MIB,  # mkfs.btrfs makes none of less than 109
        ("-q", "-f", "-K", "-m", "single", "-d", "single"),
        "",
        (-(1 << 63) * _SECOND, ((1 << 63) - 1) * _SECOND),
    ),
}


def available() -> tuple[str, ...]:
    """The kinds that this process can make: with a loop device to be had, the driver, and mkfs."""
    if not loop.available():
        return ()
    drivers = loop.drivers()
    return tuple(kind for kind in DISKS if kind in drivers and tools.find(f"mkfs.{kind}"))


def mount(kind: str, file: str, at: str) -> None:
    """Make a file system of that kind in the new file, and mount it on the directory `at`. Raises OSError."""
    disk = DISKS[kind]
    with open(file, "xb") as new:
        new.truncate(disk.size)
    try:
        tools.run(f"mkfs.{kind}", (*disk.make, file))
        loop.mount_file(file, at, kind, options=disk.options)
    finally:
        os.unlink(file)  # the loop device has it open
