"""What of a raw upper directory means anything to a later mount."""

from __future__ import annotations

from typing import Final

from dirmeta.model import overlayfs
from dirmeta.model.mounted import How
from dirmeta.model.tree import Node, Tree

CLOCK: Final = 1_600_000_000 * 1_000_000_000
"""Times later than this, in ns, that no case sets are the clock's."""
_MEANINGFUL: Final = (overlayfs.OPAQUE, overlayfs.REDIRECT, overlayfs.MARK)
"""Of overlayfs's own xattrs, those that decide what an upper means."""


def meaningful(tree: Tree, how: How) -> Tree:
    """A raw upper without what overlayfs notes there for purposes of its own."""
    return {path: plain(node, how) for path, node in tree.items()}


def plain(node: Node, how: How) -> Node:
    """The same of a single node."""
    escaped = how.prefix + "overlay."
    kept = {how.prefix + word for word in _MEANINGFUL} if node.kind == "directory" else set()
    xattrs = tuple(
        pair
        for pair in node.xattrs
        if not pair[0].startswith(how.prefix) or pair[0] in kept or pair[0].startswith(escaped)
    )
    return node._replace(xattrs=xattrs)
