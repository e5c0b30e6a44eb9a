"""System calls that `os` lacks, with their errors as OSError: the one place that uses ctypes.

Every error reads ``call: why`` and carries the names it was about. Sources: the man pages of section 2
and the headers named beside the constants.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final, NoReturn

# linux/sched.h
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

# linux/mount.h, sys/mount.h
MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2
MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_IDMAP: Final = 0x100000
OPEN_TREE_CLONE: Final = 1
FSCONFIG_SET_FLAG: Final = 0
FSCONFIG_SET_STRING: Final = 1
FSCONFIG_CMD_CREATE: Final = 6
_CLOEXEC: Final = 1  # FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
_MOVE_FROM_EMPTY_PATH: Final = 0x4

# linux/fcntl.h
AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_EACCESS: Final = 0x200
AT_EMPTY_PATH: Final = 0x1000
AT_RECURSIVE: Final = 0x8000

# linux/fs.h
RENAMES: Final = {"noreplace": 1, "exchange": 2}

# linux/prctl.h
PR_SET_PDEATHSIG: Final = 1

# Numbers of calls the C library has no function for; the same on every architecture since 5.2.
_OPEN_TREE: Final = 428
_MOVE_MOUNT: Final = 429
_FSOPEN: Final = 430
_FSCONFIG: Final = 431
_FSMOUNT: Final = 432
_FACCESSAT2: Final = 439
_MOUNT_SETATTR: Final = 442

_STATX_ALL: Final = 0xFFF
_STATX_SIZE: Final = 256
_HANDLE_MAX: Final = 128
_DENTS_SIZE: Final = 1 << 15
_DENT: Final = struct.Struct("<QqHB")
_CAP_VERSION: Final = 0x20080522

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _fail(call: str, *names: str) -> NoReturn:
    number = ctypes.get_errno()
    second = (None, names[1]) if names[1:] else ()
    raise OSError(number, f"{call}: {os.strerror(number)}", *names[:1], *second)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def unshare(flags: int) -> None:
    if _libc.unshare(flags):
        _fail("unshare")


def setns(fd: int, kind: int) -> None:
    if _libc.setns(fd, kind):
        _fail("setns")


def prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        _fail("prctl")


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    where = (_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), _bytes(data))
    if _libc.mount(*where):
        _fail("mount", target)


def umount(target: str, flags: int = 0) -> None:
    if _libc.umount2(_bytes(target), flags):
        _fail("umount2", target)


def pivot_root(new_root: str, put_old: str) -> None:
    if _libc.pivot_root(_bytes(new_root), _bytes(put_old)):
        _fail("pivot_root", new_root, put_old)


def fsopen(kind: str) -> int:
    """A file-system context to configure with `fsconfig`; reading it gives the kernel's messages."""
    fd: int = _libc.syscall(_FSOPEN, _bytes(kind), _CLOEXEC)
    if fd < 0:
        _fail("fsopen", kind)
    return fd


def fsconfig(fd: int, command: int, key: str | None = None, value: str | None = None) -> None:
    if _libc.syscall(_FSCONFIG, fd, command, _bytes(key), _bytes(value), 0):
        _fail("fsconfig", *(text for text in (key, value) if text is not None))


def fsmount(fd: int) -> int:
    mounted: int = _libc.syscall(_FSMOUNT, fd, _CLOEXEC, 0)
    if mounted < 0:
        _fail("fsmount")
    return mounted


def move_mount(fd: int, target: str) -> None:
    """Attach the detached mount `fd` at `target`."""
    if _libc.syscall(_MOVE_MOUNT, fd, b"", AT_FDCWD, _bytes(target), _MOVE_FROM_EMPTY_PATH):
        _fail("move_mount", target)


def open_tree(path: str) -> int:
    """A detached copy of the mount that `path` lies on, rooted there."""
    fd: int = _libc.syscall(_OPEN_TREE, AT_FDCWD, _bytes(path), OPEN_TREE_CLONE | os.O_CLOEXEC)
    if fd < 0:
        _fail("open_tree", path)
    return fd


def mount_setattr(
    at: int | str, *, add: int = 0, clear: int = 0, userns: int = 0, recursive: bool = False
) -> None:
    """Change attributes of the mount that is the descriptor or path `at`."""
    attributes = struct.pack("=QQQQ", add, clear, 0, userns)
    fd, path, flags = (at, b"", AT_EMPTY_PATH) if isinstance(at, int) else (AT_FDCWD, _bytes(at), 0)
    flags |= AT_RECURSIVE if recursive else 0
    if _libc.syscall(_MOUNT_SETATTR, fd, path, flags, attributes, ctypes.c_size_t(len(attributes))):
        _fail("mount_setattr", str(at))


def statx(path: str) -> tuple[int, int, int, int]:
    """(mode with its 12 bits, uid, gid, mtime in ns), links not followed; asked for the birth time too, as
    stat(1) does."""
    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    if _libc.statx(AT_FDCWD, _bytes(path), AT_SYMLINK_NOFOLLOW, _STATX_ALL, buffer):
        _fail("statx", path)
    uid, gid, mode = struct.unpack_from("=IIH", buffer, 20)
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, 112)
    return mode & 0o7777, uid, gid, seconds * 1_000_000_000 + nanoseconds


def access(path: str, bits: int) -> None:
    """faccessat2(2) by the effective ids; OSError says why not, which os.access does not."""
    if _libc.syscall(_FACCESSAT2, AT_FDCWD, _bytes(path), bits, AT_EACCESS | AT_SYMLINK_NOFOLLOW):
        _fail("access", path)


def rename(path: str, to: str, flags: str = "") -> None:
    """renameat2(2), with one of `RENAMES` or none."""
    number = RENAMES[flags] if flags else 0
    if _libc.renameat2(AT_FDCWD, _bytes(path), AT_FDCWD, _bytes(to), ctypes.c_uint(number)):
        _fail("renameat2", path, to)


def handle(path: str) -> bytes | None:
    """The file handle of `path` (type, then the bytes), None where the file system gives none."""
    buffer = ctypes.create_string_buffer(struct.pack("=Ii", _HANDLE_MAX, 0), 8 + _HANDLE_MAX)
    mount_id = ctypes.c_int()
    if _libc.name_to_handle_at(AT_FDCWD, _bytes(path), buffer, ctypes.byref(mount_id), 0):
        if ctypes.get_errno() == errno.EOPNOTSUPP:
            return None
        _fail("name_to_handle_at", path)
    (length,) = struct.unpack_from("=I", buffer)
    return buffer.raw[4 : 8 + length]


def entries(directory: int) -> list[tuple[str, int, int]]:
    """What readdir lists of an open directory as (name, d_ino, d_type), ``.`` and ``..`` left out."""
    buffer = ctypes.create_string_buffer(_DENTS_SIZE)
    found: list[tuple[str, int, int]] = []
    while (size := _libc.getdents64(directory, buffer, ctypes.c_size_t(_DENTS_SIZE))) > 0:
        raw, start = buffer.raw, 0
        while start < size:
            inode, _, length, kind = _DENT.unpack_from(raw, start)
            name = raw[start + _DENT.size : raw.index(b"\0", start + _DENT.size)]
            if name not in (b".", b".."):
                found.append((os.fsdecode(name), inode, kind))
            start += length
    if size < 0:
        _fail("getdents64")
    return found


def drop_capabilities(numbers: frozenset[int]) -> None:
    """Give capabilities up for good: out of the permitted, effective and inheritable sets."""
    header = struct.pack("=Ii", _CAP_VERSION, 0)
    data = ctypes.create_string_buffer(24)
    if _libc.capget(header, data):
        _fail("capget")
    words = list(struct.unpack("=6I", data.raw))
    for number in numbers:
        for column in range(3):
            words[number // 32 * 3 + column] &= ~(1 << number % 32)
    if _libc.capset(header, struct.pack("=6I", *words)):
        _fail("capset")
