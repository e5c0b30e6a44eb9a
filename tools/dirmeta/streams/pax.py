"""What a PAX extended header says of an entry, beyond what tarfile reads and writes itself.

Records are tarfile's: text, bytes that are not UTF-8 as lone surrogates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from dirmeta.model import acl
from dirmeta.model.entries import Entry, Xattrs
from dirmeta.model.overlayfs import ACL_ACCESS, ACL_DEFAULT
from dirmeta.streams.errors import DecodeError

SECOND: Final = 10**9
XATTR: Final = "SCHILY.xattr."
_ACL_RECORDS: Final = {"SCHILY.acl.access": ACL_ACCESS, "SCHILY.acl.default": ACL_DEFAULT}
_ACL_NAMES: Final = {name: record for record, name in _ACL_RECORDS.items()}
_TIME: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?")
_INTEGERS: Final = ("uid", "gid", "size")


def records(entry: Entry) -> dict[str, str]:
    """The records an entry needs that tarfile would not write by itself or would write as floats."""
    found = {}
    if entry.mtime % SECOND:
        found["mtime"] = seconds(entry.mtime)
    for name, value in entry.xattrs:
        text = _acl_text(value) if name in _ACL_NAMES else ""
        if text:
            found[_ACL_NAMES[name]] = text
        else:
            found[XATTR + name] = value.decode("utf-8", "surrogateescape")
    return found


def seconds(nanoseconds: int) -> str:
    """A time as decimal seconds: ``-1.5``."""
    whole, rest = divmod(abs(nanoseconds), SECOND)
    sign = "-" if nanoseconds < 0 else ""
    return f"{sign}{whole}.{rest:09d}".rstrip("0").rstrip(".")


def mtime(found: Mapping[str, str]) -> int:
    """The time of the record ``mtime`` in ns since the epoch, digits after the ninth dropped."""
    text = found["mtime"]
    match = _TIME.fullmatch(text)
    if match is None:
        raise DecodeError(f"mtime {text!r} is not a number of seconds")
    sign, whole, rest = match.groups()
    nanoseconds = int(whole) * SECOND + int(((rest or "") + "0" * 9)[:9])
    return -nanoseconds if sign else nanoseconds


def check_integers(found: Mapping[str, str]) -> None:
    """tarfile takes an id that is no number for 0, which would make the file root's."""
    for key in _INTEGERS:
        try:
            int(found.get(key, "0"))
        except ValueError:
            raise DecodeError(f"{key} {found[key]!r} is not a number") from None


def xattrs(found: Mapping[str, str]) -> Xattrs:
    """The extended attributes and ACLs; an ACL's text counts before its xattr."""
    values: dict[str, bytes] = {}
    for key, text in found.items():
        if key.startswith(XATTR):
            values.setdefault(key[len(XATTR) :], text.encode("utf-8", "surrogateescape"))
        elif key in _ACL_RECORDS:
            values[_ACL_RECORDS[key]] = _acl_value(key, text)
    return tuple(sorted(values.items()))


def tells_xattr(key: str) -> bool:
    """Whether a record is about an extended attribute or an ACL."""
    return key.startswith(XATTR) or key in _ACL_RECORDS


@lru_cache(maxsize=256)
def _acl_text(value: bytes) -> str:
    """An ACL as text, or nothing where text would not give the same value back."""
    try:
        text = acl.text(value)
        return text if acl.parse(text) == value else ""
    except (acl.AclError, KeyError):
        return ""


@lru_cache(maxsize=256)
def _acl_value(key: str, text: str) -> bytes:
    try:
        return acl.parse(text)
    except acl.AclError as error:
        raise DecodeError(f"{key}: {error}") from None
