"""An ext4 file system in a file, on a loop device that is free again when it is unmounted."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
from typing import Final

from dirmeta.sandbox import syscalls

_SIZE: Final = 512 << 20
_CONTROL: Final = "/dev/loop-control"
# linux/loop.h
_LOOP_CTL_GET_FREE: Final = 0x4C82
_LOOP_CONFIGURE: Final = 0x4C0A
_LO_FLAGS_AUTOCLEAR: Final = 4
_CONFIG: Final = struct.Struct("=II QQQQQ IIII 64s 64s 32s QQ 8Q")
_TRIES: Final = 32

MTIME: Final = (-(1 << 31) * 10**9, 0x3_7FFF_FFFF * 10**9, 1)
"""Least, greatest and granularity in ns, with inodes of 256 bytes (Documentation/filesystems/ext4)."""


def available() -> bool:
    """Whether this process can make one: a loop device to be had, the driver, and mkfs.ext4."""
    try:
        control = os.open(_CONTROL, os.O_RDWR)
    except OSError:
        return False
    try:
        number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
    except OSError:
        return False
    finally:
        os.close(control)
    return os.path.exists(f"/dev/loop{number}") and _mkfs() is not None and _driver()


def _mkfs() -> str | None:
    return shutil.which("mkfs.ext4", path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")


def _driver() -> bool:
    with open("/proc/filesystems", encoding="ascii") as file:
        return "\text4\n" in file.read()


def mount_image(image: str, at: str) -> None:
    """Make the file `image`, and mount it on the directory `at`. OSError says what failed."""
    with open(image, "wb") as file:
        file.truncate(_SIZE)
    _format(image)
    device = _attach(image)
    device.only_read()
    try:
        syscalls.mount(f"/dev/loop{device.number}", at, "ext4", 0, "user_xattr,acl")
    finally:
        os.close(device.fd)


def _format(image: str) -> None:
    tool = _mkfs()
    if tool is None:
        raise FileNotFoundError(errno.ENOENT, "mkfs.ext4 is missing; apt-get install e2fsprogs")
    options = ["-q", "-F", "-m0", "-I256", "-N65536", "-O^has_journal", "-Elazy_itable_init=1,root_owner=0:0"]
    done = subprocess.run([tool, *options, image], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise OSError(errno.EIO, f"mkfs.ext4 failed: {last}", image)


class _Device:
    """An open loop device; it is detached when the last user closes it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.fd = os.open(f"/dev/loop{number}", os.O_RDWR)

    def only_read(self) -> None:
        """Hold it in a way that lets it be mounted where CONFIG_BLK_DEV_WRITE_MOUNTED is not set."""
        writing, self.fd = self.fd, os.open(f"/dev/loop{self.number}", os.O_RDONLY)
        os.close(writing)


def _attach(image: str) -> _Device:
    backing = os.open(image, os.O_RDWR)
    control = os.open(_CONTROL, os.O_RDWR)
    try:
        for _ in range(_TRIES):
            device = _Device(fcntl.ioctl(control, _LOOP_CTL_GET_FREE))
            try:
                fcntl.ioctl(device.fd, _LOOP_CONFIGURE, _config(backing))
            except OSError as error:
                os.close(device.fd)
                if error.errno != errno.EBUSY:  # somebody else was faster
                    raise
            else:
                return device
        raise OSError(errno.EBUSY, "every free loop device was taken by somebody else")
    finally:
        os.close(control)
        os.close(backing)


def _config(backing: int) -> bytes:
    """struct loop_config with its struct loop_info64."""
    info = (0, 0, 0, 0, 0, 0, 0, 0, _LO_FLAGS_AUTOCLEAR, b"dirmeta", b"", b"", 0, 0)
    return _CONFIG.pack(backing, 0, *info, *(0,) * 8)
