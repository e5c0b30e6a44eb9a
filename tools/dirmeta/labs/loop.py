"""Mounting a file: a loop device that is free again once what lies on it is unmounted."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import Final

from dirmeta.sandbox import syscalls
from dirmeta.sandbox.diagnosis import in_user_namespace

_CONTROL: Final = "/dev/loop-control"
# linux/loop.h
_LOOP_CTL_GET_FREE: Final = 0x4C82
_LOOP_CONFIGURE: Final = 0x4C0A
_LO_FLAGS_AUTOCLEAR: Final = 4
_CONFIG: Final = struct.Struct("=II QQQQQ IIII 64s 64s 32s QQ 8Q")
_TRIES: Final = 32


def available() -> bool:
    """Whether this process can have a loop device and mount it, which takes the first user namespace."""
    if in_user_namespace():
        return False
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
    return os.path.exists(f"/dev/loop{number}")


def drivers() -> frozenset[str]:
    """The file systems on devices that this kernel can mount."""
    with open("/proc/filesystems", encoding="ascii") as file:
        return frozenset(line.strip() for line in file if not line.startswith("nodev"))


def mount_file(file: str, at: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount the file system of that kind that a file holds; its name may go then. Raises OSError."""
    device = _attach(file)
    device.only_read()
    try:
        syscalls.mount(f"/dev/loop{device.number}", at, kind, flags, options)
    finally:
        os.close(device.fd)


class _Device:
    """An open loop device; it is detached when the last user closes it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.fd = os.open(f"/dev/loop{number}", os.O_RDWR)

    def only_read(self) -> None:
        """Hold it in a way that lets it be mounted where CONFIG_BLK_DEV_WRITE_MOUNTED is not set."""
        writing, self.fd = self.fd, os.open(f"/dev/loop{self.number}", os.O_RDONLY)
        os.close(writing)


def _attach(file: str) -> _Device:
    backing = os.open(file, os.O_RDWR)
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
