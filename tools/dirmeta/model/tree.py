"""What stands in a directory: predicted by the oracle, or observed on disk and through a mount."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal, NamedTuple

from dirmeta.model import acl, overlayfs, paths
from dirmeta.model.entries import Xattrs

NodeKind = Literal["directory", "file", "symlink", "char", "block", "fifo", "socket"]

Tree = dict[str, "Node"]
"""Path → node; the root is ``""``. Every node's parent directory is a key too."""


class Node(NamedTuple):
    """One file-system object.

    mode     12 bits; 0o777 for a symlink
    mtime    nanoseconds since the epoch; None in a prediction means the time of unpacking
    xattrs   sorted pairs, ACLs included as ``system.posix_acl_*``
    content  a file's bytes
    target   a symlink's text
    device   (major, minor) of a device
    link     for one of several names of a file: the least of those names; else ""
    """

    kind: NodeKind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime: int | None = 0
    xattrs: Xattrs = ()
    content: bytes = b""
    target: str = ""
    device: tuple[int, int] = (0, 0)
    link: str = ""

    def xattr(self, name: str) -> bytes | None:
        for key, value in self.xattrs:
            if key == name:
                return value
        return None

    @property
    def is_whiteout(self) -> bool:
        """A char device 0:0, as overlayfs stores the absence of a name."""
        return self.kind == "char" and self.device == (0, 0)


WHITEOUT = Node("char", mode=0)
"""How a whiteout is compared: only its being one counts, never its metadata."""


def with_mode(node: Node, mode: int) -> Node:
    """What a chmod makes of a node: the access ACL follows the mode."""
    access = node.xattr(overlayfs.ACL_ACCESS)
    if access is None:
        return node._replace(mode=mode)
    xattrs = {**dict(node.xattrs), overlayfs.ACL_ACCESS: acl.with_mode(access, mode)}
    return node._replace(mode=mode, xattrs=tuple(sorted(xattrs.items())))


def link_groups(tree: Tree, groups: Mapping[str, object]) -> Tree:
    """`tree` with `link` set for paths that share a group key with another path of the tree."""
    members: dict[object, list[str]] = defaultdict(list)
    for path, key in groups.items():
        if path in tree and not tree[path].is_whiteout:
            members[key].append(path)
    for names in members.values():
        least = min(names) if len(names) > 1 else ""
        for name in names:
            tree[name] = tree[name]._replace(link=least)
    return tree


def subtree(tree: Mapping[str, Node], directory: str) -> Tree:
    """What lies at and below `directory`, by paths relative to it."""
    start = len(directory) + 1
    inside = {path[start:]: node for path, node in tree.items() if paths.below(path, directory)}
    if directory in tree:
        inside[paths.ROOT] = tree[directory]
    return {
        path: node._replace(link=node.link[start:]) if node.link else node for path, node in inside.items()
    }
