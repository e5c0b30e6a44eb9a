"""Plain tar headers: one block, all numbers octal, all names short and ASCII.

Nearly all headers are, and tarfile takes five times as long over each. Of what is not plain nothing is said
here, and tarfile is asked; what is said is what tarfile would say, which is tested.
"""

from __future__ import annotations

import re
import struct
import tarfile
from typing import Final, NamedTuple

from dirmeta.model.entries import Entry

BLOCK: Final = tarfile.BLOCKSIZE
_SECOND: Final = 10**9
_NAME: Final = 100
"""Bytes that a name takes, or a link."""
_IDS: Final = range(8**7)
_SECONDS: Final = range(8**11)

_LAYOUT: Final = struct.Struct("100s 8s 8s 8s 12s 12s 8s c 100s 8s 64x 8s 8s 167x")
"""name mode uid gid size mtime checksum type link magic … major minor …"""
_NUMBERS: Final = re.compile(rb"([0-7]{7})\0([0-7]{7})\0([0-7]{7})\0([0-7]{11})\0([0-7]{11})\0([0-7]{6})\0 ")
"""mode uid gid size mtime checksum"""
_DEVICE: Final = re.compile(rb"([0-7]{7})\0([0-7]{7})\0")
_NO_DEVICE: Final = bytes(16)
_NO_PREFIX: Final = bytes(BLOCK - 345)
_DEVICES: Final = (tarfile.CHRTYPE, tarfile.BLKTYPE)
_TYPES: Final = (
    tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, *_DEVICES,
)  # fmt: skip


class Header(NamedTuple):
    """What a plain header says."""

    name: str
    type: bytes
    mode: int
    uid: int
    gid: int
    size: int
    seconds: int
    target: str
    device: tuple[int, int]


def write(entry: Entry, type: bytes, magic: bytes) -> bytes | None:
    """The header of an entry, its seconds and its size in it and no xattrs; None where that is not plain."""
    seconds = entry.mtime // _SECOND
    major, minor = entry.device
    fits = (
        entry.uid in _IDS and entry.gid in _IDS and seconds in _SECONDS and major in _IDS and minor in _IDS
        and _is_plain(entry.name) and _is_plain(entry.target)
    )  # fmt: skip
    if not fits:
        return None
    has_device = type in _DEVICES
    block = _LAYOUT.pack(
        entry.name.encode(), b"%07o" % entry.mode, b"%07o" % entry.uid, b"%07o" % entry.gid,
        b"%011o" % len(entry.content), b"%011o" % seconds, b" " * 8, type, entry.target.encode(), magic,
        b"%07o" % major if has_device else b"", b"%07o" % minor if has_device else b"",
    )  # fmt: skip
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def _is_plain(name: str) -> bool:
    return len(name) <= _NAME and name.isascii()


def read(data: bytes, at: int) -> Header | None:
    """What the header at `data[at]` says; None where it is not plain, or not right."""
    numbers = _NUMBERS.match(data, at + 100)
    if numbers is None or data[at + 345 : at + BLOCK] != _NO_PREFIX:
        return None
    mode, uid, gid, size, seconds, checksum = (int(digits, 8) for digits in numbers.groups())
    if 256 + sum(data[at : at + 148]) + sum(data[at + 156 : at + BLOCK]) != checksum:
        return None
    type = data[at + 156 : at + 157]
    name, target = _text(data[at : at + _NAME]), _text(data[at + 157 : at + 257])
    device = _device(data[at + 329 : at + 345], type)
    if not name or target is None or device is None or type not in _TYPES:
        return None
    return Header(name, type, mode, uid, gid, size, seconds, target, device)


def _text(field: bytes) -> str | None:
    text = field.partition(b"\0")[0]
    return text.decode() if text.isascii() else None


def _device(field: bytes, type: bytes) -> tuple[int, int] | None:
    if field == _NO_DEVICE:
        return 0, 0
    found = _DEVICE.fullmatch(field)
    if found is None:
        return None
    return (int(found[1], 8), int(found[2], 8)) if type in _DEVICES else (0, 0)
