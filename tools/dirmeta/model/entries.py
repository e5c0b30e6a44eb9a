"""One entry of a layer's tar stream."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from dirmeta.model import acl, overlayfs, paths

Kind = Literal["directory", "file", "symlink", "hardlink", "char", "block", "fifo", "whiteout", "opaque"]

KINDS: Final[tuple[Kind, ...]] = (
    "directory", "file", "symlink", "hardlink", "char", "block", "fifo", "whiteout", "opaque",
)  # fmt: skip
WHITEOUT_PREFIX: Final = ".wh."
AUFS_PREFIX: Final = ".wh..wh."
"""Names with a meaning of their own to AUFS; of these OCI knows only the opaque marker."""
OPAQUE_MARKER: Final = ".wh..wh..opq"

Xattrs = tuple[tuple[str, bytes], ...]
"""Extended attributes, ACLs included, sorted by name."""
Metadata = tuple[int, int, int, int, Xattrs]
"""Mode, uid, gid, mtime and xattrs of an entry."""


@dataclass(frozen=True)
class Entry:
    """One entry as a layer's stream holds it.

    name     as spelled, a directory's trailing slash included where the stream has it
    mode     12 bits; mtime in nanoseconds since the epoch, may be negative
    xattrs   sorted pairs; ACLs stand here as ``system.posix_acl_access`` and ``_default``
    content  a file's bytes
    target   where a symlink points (any text), or the name a hardlink links to (as spelled)
    device   (major, minor) of a char or block device
    place    the path of the entry itself, which implies the directories above it
    path     the path it is about: a whiteout's is the path it hides, an opaque marker's the directory
             it empties
    """

    name: str
    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    xattrs: Xattrs = ()
    content: bytes = b""
    target: str = ""
    device: tuple[int, int] = (0, 0)
    place: str = field(init=False, repr=False, compare=False)
    path: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise ValueError(f"entry {self.name!r}: {problem}")
        place = paths.clean(self.name)
        vars(self).update(place=place, path=_path(self.kind, place))

    @property
    def target_path(self) -> str:
        """The path a hardlink links to."""
        return paths.clean(self.target)

    def xattr(self, name: str) -> bytes | None:
        for key, value in self.xattrs:
            if key == name:
                return value
        return None

    def copied(self, **changes: Any) -> Entry:
        """A copy with other fields that are known to fit: nothing is checked, and whoever gives another
        name gives the `place` and `path` that it means."""
        fields = vars(self).copy()
        fields.update(changes)
        return _with_fields(fields)

    @staticmethod
    def unchecked(
        place: str,
        name: str,
        kind: Kind,
        metadata: Metadata,
        content: bytes = b"",
        target: str = "",
        device: tuple[int, int] = (0, 0),
    ) -> Entry:
        """An entry whose fields are known to fit, under a name that is known to spell `place`: for the many
        that are drawn, whose checks would take longer than the drawing."""
        mode, uid, gid, mtime, xattrs = metadata
        return _with_fields({
            "name": name, "kind": kind, "mode": mode, "uid": uid, "gid": gid, "mtime": mtime,
            "xattrs": xattrs, "content": content, "target": target, "device": device,
            "place": place, "path": _path(kind, place),
        })  # fmt: skip

    def with_xattrs(self, xattrs: dict[str, bytes]) -> Entry:
        return replace(self, xattrs=tuple(sorted(xattrs.items())))


def _with_fields(fields: dict[str, Any]) -> Entry:
    entry = object.__new__(Entry)
    object.__setattr__(entry, "__dict__", fields)
    return entry


def _path(kind: Kind, place: str) -> str:
    if kind == "opaque":
        return paths.parent(place)
    if kind == "whiteout":
        directory, _, name = place.rpartition("/")
        return paths.join(directory, name[len(WHITEOUT_PREFIX) :])
    return place


def _problem(entry: Entry) -> str:
    """Why `entry` can not be, or nothing."""
    if not 0 <= entry.mode <= 0o7777:
        return f"mode {entry.mode:o} has more than 12 bits"
    if entry.uid < 0 or entry.gid < 0:
        return "a uid or gid is negative"
    if "\0" in entry.name or "\0" in entry.target:
        return "a name holds a NUL"
    if entry.xattrs and (access := entry.xattr(overlayfs.ACL_ACCESS)) is not None:
        if entry.kind == "symlink":
            return "a symlink has no ACL"
        if acl.mode_bits(access) != entry.mode & 0o777:
            return f"mode {entry.mode:o} contradicts the access ACL {acl.text(access)}"
    return _problem_of_kind(entry)


def _problem_of_kind(entry: Entry) -> str:
    kind = entry.kind
    if kind == "opaque" or kind == "whiteout":
        last = paths.basename(paths.clean(entry.name))
        if kind == "opaque" and last != OPAQUE_MARKER:
            return f"an opaque marker is named {OPAQUE_MARKER}"
        if kind == "whiteout" and kind_of_file(entry.name) != "whiteout":
            return "a whiteout is named .wh. and the name it hides"
    elif kind in ("symlink", "hardlink") and not entry.target:
        return f"a {kind} needs a target"
    if entry.content and kind != "file":
        return f"a {kind} has no content"
    if entry.target and kind not in ("symlink", "hardlink"):
        return f"a {kind} has no target"
    if entry.device != (0, 0) and kind not in ("char", "block"):
        return f"a {kind} has no device number"
    return ""


def kind_of_file(name: str) -> Kind:
    """What a regular file of that name is in a layer: a file, a whiteout or an opaque marker."""
    last = paths.basename(paths.clean(name))
    if not last.startswith(WHITEOUT_PREFIX):
        return "file"
    if last == OPAQUE_MARKER:
        return "opaque"
    return "file" if last.startswith(AUFS_PREFIX) or last == WHITEOUT_PREFIX else "whiteout"
