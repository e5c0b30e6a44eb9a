"""Kernels that change more than they are asked to, or go by what was there before, or fail half way."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from dirmeta.model import overlayfs, permission
from dirmeta.model.mounted import EMPTY, Mounted, with_xattrs
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node

from . import Collection
from .topmost import FailsBadly, Reaching

changing = Collection()


class _Changed(Reaching):
    """Does more to what is changed than it was asked for."""

    def spoilt(self, path: str, node: Node) -> Node:
        return node

    def put(self, path: str, node: Node) -> None:
        super().put(path, self.spoilt(path, node) if node.kind == "directory" else node)


@changing(breaks="COPYUP-CHANGE")
class ChangesResetTheOwner(_Changed):
    """Gives a changed directory the topmost one's owner."""

    def spoilt(self, path: str, node: Node) -> Node:
        same = node.uid == self.shown(path).uid
        return node._replace(uid=self.on_top(path).uid) if same else node


@changing(breaks="COPYUP-CHANGE")
class ChangesResetTheMode(_Changed):
    """Gives a directory that changes hands, or its xattrs, the topmost one's mode."""

    def spoilt(self, path: str, node: Node) -> Node:
        same = node.mode == self.shown(path).mode
        return node._replace(mode=self.on_top(path).mode) if same else node


@changing(breaks="COPYUP-CHANGE")
class ChangesBumpTheTime(_Changed):
    """Sets a directory's mtime where its mode, owner or xattrs are changed."""

    def spoilt(self, path: str, node: Node) -> Node:
        return node._replace(mtime=None) if node.mtime == self.shown(path).mtime else node


@changing(breaks="COPYUP-CHANGE")
class ChmodLosesXattrs(Reaching):
    """Keeps no xattrs but ACLs of a directory that is chmodded."""

    def change_mode(self, who: Credentials, path: str, mode: int) -> None:
        super().change_mode(who, path, mode)
        lost = {name: None for name, _ in self.shown(path).xattrs if name not in overlayfs.ACLS}
        self.upper[path] = with_xattrs(self.upper[path], lost)


@changing(breaks="COPYUP-CHANGE")
class ChmodLeavesTheAcl(Reaching):
    """Sets the mode and leaves the access ACL as it was."""

    def change_mode(self, who: Credentials, path: str, mode: int) -> None:
        access = self.shown(path).xattr(overlayfs.ACL_ACCESS)
        super().change_mode(who, path, mode)
        self.upper[path] = with_xattrs(self.upper[path], {overlayfs.ACL_ACCESS: access})


@changing(breaks="COPYUP-CHANGE")
class OutsidersSetSetgid(Reaching):
    """Sets the setgid bit for whoever owns a directory."""

    def change_mode(self, who: Credentials, path: str, mode: int) -> None:
        super().change_mode(who, path, mode)
        self.upper[path] = self.upper[path]._replace(mode=mode)


@changing(breaks="COPYUP-CHANGE")
class SetgidForThePlaceholdersGroup(Reaching):
    """Sets the setgid bit for the topmost directory's group, not the one that shows."""

    def change_mode(self, who: Credentials, path: str, mode: int) -> None:
        super().change_mode(who, path, mode)
        node = self.shown(path)._replace(gid=self.on_top(path).gid)
        kept = permission.chmodded(node, who, mode)
        self.upper[path] = self.upper[path]._replace(mode=kept)


@changing(breaks="COPYUP-CHANGE")
class ReplacesXattrs(Reaching):
    """Has a new xattr replace all that are not ACLs."""

    def setxattr(self, who: Credentials, path: str, name: str, value: str) -> None:
        super().setxattr(who, path, name, value)
        own = (*overlayfs.ACLS, name)
        left = {other: None for other, _ in self.shown(path).xattrs if other not in own}
        self.upper[path] = with_xattrs(self.upper[path], left)


@changing(breaks="COPYUP-CHANGE")
class KeepsPermissions(Reaching):
    """Goes by the permissions that were there when it was mounted."""

    first: ClassVar[list[Mounted]] = []

    def governing(self, path: str) -> Node:
        if not self.first or self.first[0].lowers is not self.mounted.lowers:
            self.first[:] = [self.mounted]
        return _as_permitted(self.first[0], self.mounted, path)


@changing(breaks="COPYUP-CHANGE")
class KeepsLowerPermissions(Reaching):
    """Goes by the permissions of the lower layers after a directory was copied up."""

    def governing(self, path: str) -> Node:
        return _as_permitted(replace(self.mounted, upper=EMPTY), self.mounted, path)


def _as_permitted(before: Mounted, now: Mounted, path: str) -> Node:
    """What shows at a path, with the permissions that the same directory had before."""
    node, then = now.view.tree[path], before.view.contributors.get(path)
    if then is None or then[-1] != now.view.contributors.get(path, (None,))[-1]:
        return node
    earlier = before.view.tree[path]
    return node._replace(mode=earlier.mode, uid=earlier.uid, gid=earlier.gid)


@changing(breaks="COPYUP-FAIL")
class ChangesTheModeAndFails(FailsBadly):
    """Changes a directory's mode though the operation fails."""

    def left(self, path: str, node: Node) -> Node:
        return node._replace(mode=node.mode ^ 0o100)


@changing(breaks="COPYUP-FAIL")
class FailsWithoutTheMark(FailsBadly):
    """Takes the mark of a directory of the upper away though the operation fails."""

    def left(self, path: str, node: Node) -> Node:
        return with_xattrs(node, {self.how.mark: None})


@changing(breaks="COPYUP-FAIL")
class FailsWithAPlaceholder(FailsBadly):
    """Copies the topmost directory up where an operation fails after that."""

    def left(self, path: str, node: Node) -> Node:
        return self.mounted.stored(self.on_top(path))


@changing(breaks="COPYUP-CHANGE")
class LosesTheModeWithAnAcl(Reaching):
    """Closes a directory to its owner where an ACL is to be removed that it does not have."""

    def removexattr(self, who: Credentials, path: str, name: str) -> None:
        self._require_xattr(who, path, name)
        if name in overlayfs.ACLS and self.shown(path).xattr(name) is None:
            self.change(path, mode=self.shown(path).mode & ~0o700)
        else:
            super().removexattr(who, path, name)
