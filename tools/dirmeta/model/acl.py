"""POSIX ACLs: the text people write, and the binary value Linux keeps in ``system.posix_acl_*``.

The text is the short form of acl(5), ``u::rwx,u:7:r-x,g::r-x,m::r-x,o::r-x``; ids are numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

VERSION: Final = 2
_HEADER: Final = struct.Struct("<I")
_ENTRY: Final = struct.Struct("<HHI")
_NO_ID: Final = 0xFFFFFFFF

# Tag values of linux/posix_acl.h, in the order the kernel insists on.
_TAGS: Final = {"u:": 0x01, "u": 0x02, "g:": 0x04, "g": 0x08, "m:": 0x10, "o:": 0x20}
_LETTERS: Final = {value: key for key, value in _TAGS.items()}
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = (_TAGS[key] for key in ("u:", "u", "g:", "g", "m:", "o:"))
_LONG: Final = {"user": "u", "group": "g", "mask": "m", "other": "o"}


class AclError(ValueError):
    """A text or value that is no POSIX ACL."""


class Permission(NamedTuple):
    """One line of an ACL. `ident` is -1 where the tag takes no id; `bits` are rwx as 0-7."""

    tag: int
    ident: int
    bits: int


def parse(text: str) -> bytes:
    """The xattr value of an ACL given as text, long or short form, commas or newlines."""
    return pack(_permission(line) for line in text.replace("\n", ",").split(",") if line.strip())


def _permission(line: str) -> Permission:
    fields = line.split("#", maxsplit=1)[0].strip().split(":")
    if len(fields) == 2:  # "m::rwx" is also written "mask:rwx"
        fields.insert(1, "")
    if len(fields) < 3:
        raise AclError(f"{line!r} is not an ACL line like u:7:r-x")
    who, ident, perms = fields[0], fields[1], fields[2]
    if len(fields) > 3 and fields[3].isdigit():  # star writes user:name:rwx:uid
        ident = fields[3]
    who = _LONG.get(who, who)
    tag = _TAGS.get(who if ident else who + ":")
    if tag is None or not _is_id(ident) or len(perms) != 3 or not all(map(_fits, perms, "rwx")):
        raise AclError(f"{line!r} is not an ACL line like u:7:r-x")
    if ident and int(ident) >= _NO_ID:
        raise AclError(f"{line!r} has an id over 32 bits")
    bits = sum(4 >> i for i, letter in enumerate(perms) if letter != "-")
    return Permission(tag, int(ident) if ident else -1, bits)


def _is_id(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())


def _fits(letter: str, wanted: str) -> bool:
    return letter in (wanted, "-")


def pack(permissions: Iterable[Permission]) -> bytes:
    """The xattr value of an ACL, its lines in the order the kernel insists on."""
    lines = sorted(permissions)
    return _HEADER.pack(VERSION) + b"".join(
        _ENTRY.pack(tag, bits, _NO_ID if ident < 0 else ident) for tag, ident, bits in lines
    )


def unpack(value: bytes) -> tuple[Permission, ...]:
    """The lines of an xattr value."""
    if len(value) < 4 or (len(value) - 4) % 8 or _HEADER.unpack_from(value)[0] != VERSION:
        raise AclError(f"{value!r} is not the value of a POSIX ACL xattr")
    lines = tuple(
        Permission(tag, -1 if ident == _NO_ID else ident, bits)
        for tag, bits, ident in _ENTRY.iter_unpack(value[4:])
    )
    if any(line.tag not in _LETTERS or line.bits > 7 for line in lines):
        raise AclError(f"{value!r} is not the value of a POSIX ACL xattr")
    return lines


def require_whole(value: bytes) -> None:
    """Raises AclError where the kernel would refuse to set it: `posix_acl_valid` of fs/posix_acl.c."""
    lines = unpack(value)
    tags = [line.tag for line in lines]
    named = [(line.tag, line.ident) for line in lines if line.tag in (USER, GROUP)]
    once = [tags.count(tag) for tag in (USER_OBJ, GROUP_OBJ, OTHER)]
    if once != [1, 1, 1]:
        raise AclError("an ACL has one line each for u::, g:: and o::")
    if tags.count(MASK) > 1 or (named and MASK not in tags):
        raise AclError("an ACL with named users or groups has one mask, m::")
    if len(set(named)) != len(named):
        raise AclError("an ACL names a user or group once")


def text(value: bytes) -> str:
    """The short text form of an xattr value."""
    return ",".join(
        f"{_LETTERS[tag].rstrip(':')}:{'' if ident < 0 else ident}:{_rwx(bits)}"
        for tag, ident, bits in unpack(value)
    )


def _rwx(bits: int) -> str:
    return "".join(letter if bits & (4 >> i) else "-" for i, letter in enumerate("rwx"))


@lru_cache(maxsize=1024)
def mode_bits(value: bytes) -> int:
    """The nine permission bits of a file with this access ACL: owner, mask (or group), other."""
    bits = {tag: bits for tag, ident, bits in unpack(value) if ident < 0}
    group = bits.get(_TAGS["m:"], bits.get(_TAGS["g:"], 0))
    return bits.get(_TAGS["u:"], 0) << 6 | group << 3 | bits.get(_TAGS["o:"], 0)


def with_mode(value: bytes, mode: int) -> bytes:
    """The same ACL on a file of that mode: chmod writes owner, mask (or group) and other."""
    lines = unpack(value)
    group = _TAGS["m:"] if any(line.tag == _TAGS["m:"] for line in lines) else _TAGS["g:"]
    shift = {_TAGS["u:"]: 6, group: 3, _TAGS["o:"]: 0}
    return pack(
        line._replace(bits=mode >> shift[line.tag] & 7) if line.tag in shift else line for line in lines
    )


def inherited(value: bytes, mode: int) -> tuple[int, bytes | None]:
    """What a new file takes from its directory's default ACL: its mode, and its access ACL if it needs one.

    mode: nine bits asked for, and any others, which stay. Source: `posix_acl_create_masq` of fs/posix_acl.c.
    """
    lines = unpack(value)
    has_mask = any(line.tag == MASK for line in lines)
    shift = {USER_OBJ: 6, MASK if has_mask else GROUP_OBJ: 3, OTHER: 0}
    lines = tuple(
        line._replace(bits=line.bits & mode >> shift[line.tag]) if line.tag in shift else line
        for line in lines
    )
    mode = mode & ~0o777 | mode_bits(pack(lines))
    return mode, None if is_minimal(lines) else pack(lines)


def is_minimal(lines: Iterable[Permission]) -> bool:
    """Whether an ACL says no more than mode bits do."""
    return all(line.tag in (USER_OBJ, GROUP_OBJ, OTHER) for line in lines)
