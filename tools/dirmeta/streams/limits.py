"""What a tar format can not hold of an entry."""

from __future__ import annotations

from typing import Final

from dirmeta.model.entries import WHITEOUT_PREFIX, Entry, kind_of_file
from dirmeta.model.stack import TarFormat
from dirmeta.streams import pax

_NAME: Final = 100
"""Bytes in the name and the link field of a header (POSIX.1-1988, ustar)."""
_OCTAL: Final = 8**7 - 1
"""The greatest uid, gid or device number in seven octal digits."""
_BASE256: Final = 256**7 - 1
_OCTAL_TIME: Final = 8**11 - 1
_BASE256_TIME: Final = 256**11 - 1


def lost(entry: Entry, format: TarFormat) -> str:
    """What writing `entry` would lose without a word, or nothing."""
    if entry.xattrs and (why := _lost_xattrs(entry, format)):
        return why
    if format != "pax" and entry.mtime % pax.SECOND:
        return f"{format} holds whole seconds, not mtime {pax.seconds(entry.mtime)}"
    if not (canonical(entry.name) and canonical(entry.target)):
        return "a name holds surrogates that stand for no bytes"
    if format == "ustar" and entry.name.startswith("/") and _length(entry.name) == _NAME + 1:
        return "ustar holds no absolute name of 101 bytes"
    if entry.kind == "file" and WHITEOUT_PREFIX in entry.name and kind_of_file(entry.name) != "file":
        return "a file of that name is a whiteout or an opaque marker"
    return ""


def _lost_xattrs(entry: Entry, format: TarFormat) -> str:
    names = [name for name, _ in entry.xattrs]
    if format != "pax":
        return f"{format} holds no xattrs, as {names[0]!a}"
    if names != sorted(set(names)):
        return "xattrs are not sorted by name, or one comes twice"
    for name in names:
        if "=" in name or "\0" in name or not _is_utf8(name):
            return f"PAX holds no xattr name with =, NUL or stray bytes, as {name!a}"
    return ""


def canonical(text: str) -> bool:
    """Whether `text` is what `os.fsdecode` makes of some bytes."""
    if text.isascii():
        return True
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == text
    except UnicodeEncodeError:
        return False


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def overflow(entry: Entry, format: TarFormat) -> str:
    """What of `entry` is too large for a header of `format`, or nothing."""
    if format == "ustar" and _length(entry.target) > _NAME:
        return f"ustar holds no link target over {_NAME} bytes"
    if format == "ustar" and _length(entry.name) > _NAME:
        return f"ustar holds a name over {_NAME} bytes only where a slash splits it into at most 155 and 100"
    greatest = _BASE256 if format == "gnu" else _OCTAL
    least = -_BASE256 - 1 if format == "gnu" else 0
    numbers = [("device number", entry.device[0]), ("device number", entry.device[1])]
    if format != "pax":
        numbers += [("uid", entry.uid), ("gid", entry.gid)]
    for what, number in numbers:
        if not least <= number <= greatest:
            return f"{format} holds no {what} {number}, only {least} to {greatest}"
    return _overflow_time(entry, format)


def _overflow_time(entry: Entry, format: TarFormat) -> str:
    if format == "pax":
        return ""
    least, greatest = (0, _OCTAL_TIME) if format == "ustar" else (-_BASE256_TIME - 1, _BASE256_TIME)
    if least <= entry.mtime // pax.SECOND <= greatest:
        return ""
    return f"{format} holds no mtime {pax.seconds(entry.mtime)}, only {least} to {greatest}"
