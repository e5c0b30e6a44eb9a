"""What the written forms of a case share: strings as bytes, seconds, ACLs as text, default modes.

Both forms leave out what is at its default, and write nothing that reading would change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dirmeta.model import acl, overlayfs
from dirmeta.model.entries import Kind, Xattrs

NANO: Final = 1_000_000_000
_SECONDS: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]{1,9}))?")


def default_mode(kind: Kind) -> int:
    """The mode of an entry that is written without one."""
    if kind == "directory":
        return 0o755
    return 0o777 if kind == "symlink" else 0o644


def to_bytes(text: str) -> bytes:
    """The bytes of a name. ValueError where a surrogate in it stands for no byte."""
    data = text.encode("utf-8", "surrogateescape")
    if to_text(data) != text:
        raise ValueError(f"{text!r} is not how its bytes read as UTF-8")
    return data


def to_text(data: bytes) -> str:
    """Bytes as text, those that are not UTF-8 as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def seconds_text(nanoseconds: int) -> str:
    """Exact decimal seconds, ``-0.500000000``; whole seconds without a fraction."""
    whole, fraction = divmod(abs(nanoseconds), NANO)
    sign = "-" if nanoseconds < 0 else ""
    return f"{sign}{whole}.{fraction:09d}" if fraction else f"{sign}{whole}"


def seconds(text: str) -> int:
    """Nanoseconds of decimal seconds. ValueError where `text` is none, or finer than that."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time in seconds like 12 or -0.500000000")
    sign, whole, fraction = match.groups(default="")
    nanoseconds = int(whole) * NANO + int(f"{fraction:0<9}")
    return -nanoseconds if sign else nanoseconds


def acl_texts(xattrs: Xattrs) -> dict[str, str]:
    """Xattr name → text, of those ACLs that their text says in full.

    A value with unknown tags, or out of order, is left to be written as bytes.
    """
    return {name: acl.text(value) for name, value in xattrs if name in overlayfs.ACLS and _says_all(value)}


def _says_all(value: bytes) -> bool:
    try:
        return acl.parse(acl.text(value)) == value
    except (ValueError, KeyError):
        return False


def repeated(names: Iterable[str]) -> str | None:
    """The first of `names` that stood among them before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
