"""What an upper directory takes of a tmpfs that is soon full."""

from __future__ import annotations

from typing import Final

from dirmeta.model.tree import Tree

OVERLAYS_OWN: Final = 6
"""Inodes that a mount takes for itself: the root of the file system, the work directory and what is in it."""

_INODE: Final = 1024
_XATTR: Final = 64
"""Bytes that tmpfs counts, at least for an inode, and at most for an xattr beside its name and value."""


def inodes(tree: Tree) -> int:
    """What a tree takes of a tmpfs's inodes, which xattrs take a part of too (mm/shmem.c since 6.6)."""
    size = sum(_XATTR + len(name) + len(value) for node in tree.values() for name, value in node.xattrs)
    return len(tree) + -(-size // _INODE)
