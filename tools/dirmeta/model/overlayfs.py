"""The names overlayfs keeps its own facts under, and how a value becomes a mark.

Source: Documentation/filesystems/overlayfs.rst; container-libs#701 for the mark.
"""

from __future__ import annotations

from typing import Final, Literal

Namespace = Literal["trusted", "user"]
"""Which xattrs a mount reads as its own: ``user`` with the option userxattr, else ``trusted``."""

Option = tuple[str, str]
"""A mount option as (name, value), value "" for a flag."""

PREFIX: Final[dict[Namespace, str]] = {"trusted": "trusted.overlay.", "user": "user.overlay."}
OTHER: Final[dict[Namespace, Namespace]] = {"trusted": "user", "user": "trusted"}

MARK: Final = "dirmeta_delegate"
ESCAPED_MARK: Final = "overlay." + MARK
"""What a mount shows as the mark, from 6.7 on: the layers of an overlay may be another one's upper."""
OPAQUE: Final = "opaque"
REDIRECT: Final = "redirect"
XWHITEOUT: Final = "whiteout"
ORIGIN: Final = "origin"

YES: Final = b"y"
XWHITEOUTS: Final = b"x"
"""``opaque=x``: the directory holds whiteouts that are files with the xattr overlay.whiteout."""

ACL_ACCESS: Final = "system.posix_acl_access"
ACL_DEFAULT: Final = "system.posix_acl_default"
ACLS: Final = frozenset((ACL_ACCESS, ACL_DEFAULT))


def mark_name(namespace: Namespace) -> str:
    """``trusted.overlay.dirmeta_delegate`` or ``user.overlay.dirmeta_delegate``."""
    return PREFIX[namespace] + MARK


MARKS: Final = frozenset(map(mark_name, PREFIX))
"""The mark's name in either namespace."""


def is_overlay_private(name: str) -> bool:
    """Whether `name` is one that some overlay mount would take for its own."""
    return name.startswith((PREFIX["trusted"], PREFIX["user"]))
