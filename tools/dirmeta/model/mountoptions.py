"""The mount options of overlayfs that must not change what a stack shows, and which exclude each other.

Source: Documentation/filesystems/overlayfs.rst; `ovl_fs_params_verify` in fs/overlayfs/params.c.
"""

from __future__ import annotations

from typing import Final

from dirmeta.model.overlayfs import Option

NOT_GIVEN: Final = "-"
"""The value of an option that is left out, of those that no module parameter can set."""
APPEND: Final[Option] = ("lowerdir+", "")
DATA: Final[Option] = ("datadir+", "")
"""How layers are given: not options of mount(2), but one by one through fsconfig(2), with a data-only one."""
UPPER: Final[Option] = ("upperdir", "")

FACTORS: Final[tuple[tuple[Option, ...], ...]] = (
    (("index", "off"), ("index", "on")),
    (("xino", "off"), ("xino", "auto"), ("xino", "on")),
    (("nfs_export", "off"), ("nfs_export", "on")),
    (("redirect_dir", "nofollow"), ("redirect_dir", "follow"), ("redirect_dir", "on")),
    (("metacopy", "off"), ("metacopy", "on")),
    (("verity", NOT_GIVEN), ("verity", "on")),
    (("uuid", NOT_GIVEN), ("uuid", "auto"), ("uuid", "on"), ("uuid", "null"), ("uuid", "off")),
    (("volatile", NOT_GIVEN), ("volatile", "")),
    (("default_permissions", NOT_GIVEN), ("default_permissions", "")),
    (("override_creds", NOT_GIVEN), ("override_creds", ""), ("nooverride_creds", "")),
    (("lowerdir", NOT_GIVEN), APPEND, DATA),
    (("upperdir", NOT_GIVEN), UPPER),
)
"""What each option can be."""

OPTIONS: Final[tuple[Option, ...]] = tuple(
    option for factor in FACTORS for option in factor if option[1] != NOT_GIVEN and option != UPPER
)
"""All that a kernel can be asked for."""

CONFLICTS: Final[frozenset[frozenset[Option]]] = frozenset(
    frozenset(pair) for pair in (
        (("nfs_export", "on"), ("index", "off")),
        (("nfs_export", "on"), ("metacopy", "on")),
        (("nfs_export", "on"), ("verity", "on")),
        (("metacopy", "off"), ("verity", "on")),
        (("metacopy", "off"), DATA),
        (("metacopy", "on"), ("redirect_dir", "nofollow")),
        (("metacopy", "on"), ("redirect_dir", "follow")),
        # What only a mount with an upper heeds:
        (("upperdir", NOT_GIVEN), ("index", "on")),
        (("upperdir", NOT_GIVEN), ("volatile", "")),
        (("upperdir", NOT_GIVEN), ("uuid", "on")),
    )
)  # fmt: skip
"""Pairs that overlayfs refuses, or of which it ignores the one for the other."""


def words(option: Option) -> str:
    """``index=on``, ``volatile``."""
    name, value = option
    return f"{name}={value}" if value else name
