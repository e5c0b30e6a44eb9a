"""Names that no entry may have."""

from __future__ import annotations

from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.subjects.reference.directories import Refused


def check(entry: Entry) -> None:
    """Raises Refused for a name that leaves the destination or fits into no directory."""
    if ".." in entry.name:
        _refuse_dots(entry)
    if len(entry.name) > paths.NAME_MAX // 4:  # a character takes up to four bytes
        _refuse_long(entry)
    if not entry.place and entry.kind != "directory":
        raise Refused(entry.name, f"a {entry.kind} can not stand for the root")


def _refuse_dots(entry: Entry) -> None:
    if ".." in entry.place.split("/"):
        raise Refused(entry.name, "has a .. component")
    if paths.basename(entry.path) in (".", ".."):
        raise Refused(entry.name, "is a whiteout of . or ..")


def _refuse_long(entry: Entry) -> None:
    for part in entry.place.split("/"):
        if paths.encoded_length(part) > paths.NAME_MAX:
            raise Refused(entry.name, f"has a component of over {paths.NAME_MAX} bytes")
