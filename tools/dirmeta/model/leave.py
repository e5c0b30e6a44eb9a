"""Who may do what to what a mounted overlay shows.

A directory's permissions are those of its effective metadata; the order of checks is that of fs/namei.c.
"""

from __future__ import annotations

import errno
from typing import Final, NamedTuple

from dirmeta.model import overlayfs, paths, permission
from dirmeta.model.mounted import Mounted
from dirmeta.model.permission import SEARCH, WRITE
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node

STICKY: Final = 0o1000


class Denied(Exception):
    """The operation fails. number: its errno; also: another one for it; rules: those that it follows from."""

    def __init__(self, number: int, *rules: str, also: int | None = None) -> None:
        super().__init__(errno.errorcode.get(number, str(number)))
        self.number = number
        self.rules = rules
        self.also = also


class Unknown(Exception):
    """What happens is for something that the rules do not speak of."""


class Target(NamedTuple):
    """A name: where it is, the directory it is in, and what is there."""

    path: str
    directory: str
    node: Node | None


class Leave:
    """What somebody is allowed on one mount. Each method is one rule; a miniature kernel breaks one of them.

    relied  rules that what was permitted follows from
    notes   what was met, for those who count it
    """

    def __init__(self, mounted: Mounted) -> None:
        self.mounted = mounted
        self.how = mounted.how
        self.relied: dict[str, None] = {}
        self.notes: set[str] = set()

    def find(self, path: str, who: Credentials) -> Target:
        """The name at a path, with leave to search all that lies above."""
        if path == paths.ROOT:
            return Target(path, path, self.shown(path))
        above = ""
        node: Node | None = self.shown("")
        for part in path.split("/"):
            if node is None:
                raise Denied(errno.ENOENT)
            if node.kind == "symlink":
                raise Unknown
            if node.kind != "directory":
                raise Denied(errno.ENOTDIR)
            self.require(above, who, SEARCH)
            directory, above = above, paths.join(above, part)
            node = self.mounted.shows(above)
        return Target(path, directory, node)

    def existing(self, path: str, who: Credentials) -> Node:
        """What is there; a symlink is never followed."""
        node = self.find(path, who).node
        if node is None:
            raise Denied(errno.ENOENT)
        return node

    def shown(self, path: str) -> Node:
        return self.mounted.view.tree[path]

    def governing(self, path: str) -> Node:
        """The node whose metadata governs what may be done at a path."""
        return self.shown(path)

    def require(self, path: str, who: Credentials, bits: int) -> None:
        """Denied where somebody has not all of those permissions."""
        node = self.governing(path)
        has_acl = node.xattr(overlayfs.ACL_ACCESS) is not None and who.uid != node.uid
        rules = ("ACCESS-DAC", "ACCESS-ACL") if has_acl else ("ACCESS-DAC",)
        if not permission.permits(node, who, bits):
            self.note(path, *rules)
            placeholder = self.mounted.placeholder(path)
            if (
                placeholder is not None
                and self.mounted.is_delegated(path)
                and permission.permits(placeholder, who, bits)
            ):
                self.notes.add("widened by the placeholder")
                rules = (*rules, "ACCESS-NOWIDEN")
            raise Denied(errno.EACCES, *rules)
        self.rely(path, who, *rules)

    def rely(self, path: str, who: Credentials, *rules: str) -> None:
        """What is permitted follows from the metadata at a path; of root it says little."""
        self.relied.update(dict.fromkeys(rules))
        if who != Credentials():
            self.note(path, *rules)

    def note(self, path: str, *what: str) -> None:
        """Something that the metadata at a path decided; and, so, whether marks do or would change that."""
        self.notes.update(what)
        if self.mounted.by_marks(path) is not None:
            self.notes.update(f"delegated {each}" for each in what)

    def refused(self, path: str, rule: str) -> Denied:
        """What somebody meets who is not the owner that a rule asks for."""
        self.note(path, rule, f"refused by {rule}")
        return Denied(errno.EPERM, rule)

    def require_owner(self, path: str, who: Credentials) -> None:
        if not permission.owns(who, self.governing(path)):
            raise self.refused(path, "ACCESS-OWNER")
        self.rely(path, who, "ACCESS-OWNER")

    def require_removable(self, target: Target, who: Credentials) -> None:
        """Denied where a name may not be taken out of its directory."""
        self.require(target.directory, who, WRITE | SEARCH)
        directory = self.governing(target.directory)
        child = self.governing(target.path)
        if directory.mode & STICKY:
            if not permission.may_remove(directory, child, who):
                raise self.refused(target.directory, "ACCESS-STICKY")
            self.rely(target.directory, who, "ACCESS-STICKY")
