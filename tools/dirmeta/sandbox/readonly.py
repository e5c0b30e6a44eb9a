"""Making mounts read-only, and single ones writable again, on kernels with and without mount_setattr."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Final

from dirmeta.sandbox import syscalls
from dirmeta.sandbox.syscalls import MOUNT_ATTR_RDONLY, MS_BIND, MS_RDONLY, MS_REMOUNT

_FLAGS: Final = {
    "nosuid": syscalls.MS_NOSUID,
    "nodev": syscalls.MS_NODEV,
    "noexec": syscalls.MS_NOEXEC,
    "noatime": 1 << 10,
    "nodiratime": 1 << 11,
    "relatime": 1 << 21,
}
"""Flags that a bind remount must repeat: in a user namespace they are locked."""


def make_readonly() -> None:
    """Make every mount of this namespace read-only."""
    try:
        syscalls.mount_setattr("/", add=MOUNT_ATTR_RDONLY, recursive=True)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        remount_readonly()


def remount_readonly() -> None:
    """The same, one mount at a time, as kernels before 5.12 want it."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        found = list(mounts(lines))
    for at, flags in found:
        _remount(at, flags | MS_RDONLY)


def make_writable(directory: str) -> None:
    """Turn a directory into a mount of its own that can be written."""
    syscalls.mount(directory, directory, None, MS_BIND)
    try:
        syscalls.mount_setattr(directory, clear=MOUNT_ATTR_RDONLY)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        _remount(directory, 0)


def mounts(mountinfo: Iterable[str]) -> Iterator[tuple[str, int]]:
    """(mount point, MS_* flags other than read-only) of the lines of a mountinfo file."""
    for line in mountinfo:
        fields = line.split(" ")
        flags = 0
        for option in fields[5].split(","):
            flags |= _FLAGS.get(option, 0)
        yield _unescape(fields[4]), flags


def _unescape(text: str) -> str:
    """proc(5) writes blank, tab, newline and backslash as three octal digits."""
    first, *rest = text.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)


def _remount(at: str, flags: int) -> None:
    try:
        syscalls.mount("none", at, None, MS_REMOUNT | MS_BIND | flags)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EACCES, errno.EINVAL):  # hidden below another mount
            raise
