"""What miniature kernels reach for in place of the metadata that shows."""

from __future__ import annotations

import errno
from dataclasses import replace

from dirmeta.model import overlayfs, paths, program
from dirmeta.model.mounted import with_xattrs
from dirmeta.model.stack import Operation
from dirmeta.model.tree import Node
from dirmeta.model.writer import Expected, Writer


class Reaching(Writer):
    """A kernel that is right as it stands, and knows what lies on top."""

    def on_top(self, path: str) -> Node:
        """The own metadata of a directory's topmost contributor; of anything else what shows."""
        placeholder = self.mounted.placeholder(path)
        return self.shown(path) if placeholder is None else self.mounted.merged.visible(placeholder)

    def with_acls_on_top(self, path: str, *names: str) -> Node:
        """What shows at a path, with those ACLs of the topmost contributor."""
        top = self.on_top(path)
        return with_xattrs(self.shown(path), {name: top.xattr(name) for name in names})


def without_acl(node: Node, name: str = overlayfs.ACL_ACCESS) -> Node:
    """A node without an ACL."""
    return with_xattrs(node, {name: None})


class FailsBadly(Reaching):
    """Leaves something else behind where it refuses; `left` says what, of what the upper has or shows."""

    errors: tuple[int, ...] = (errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTEMPTY, errno.EXDEV)

    def left(self, path: str, node: Node) -> Node:
        raise NotImplementedError

    def do(self, operation: Operation) -> Expected:
        said, path = super().do(operation), program.path(operation)
        shown = self.mounted.shows(path)
        above = paths.parent(path) in said.upper
        if said.number not in self.errors or shown is None or shown.kind != "directory" or not above:
            return said
        stood = said.upper.get(path) or self.mounted.stored(shown)
        return replace(said, upper={**said.upper, path: self.left(path, stood)})
