"""Kernels that copy other things up than what shows, and make new directories that are not new."""

from __future__ import annotations

from dirmeta.model import overlayfs, paths
from dirmeta.model.leave import Target
from dirmeta.model.mounted import with_xattrs
from dirmeta.model.tree import Node

from . import Collection
from .topmost import Reaching

writing = Collection()


@writing(breaks="COPYUP-PRESERVE")
class CopiesPlaceholdersUp(Reaching):
    """Copies a directory up as the topmost layer has it."""

    def copied(self, path: str) -> Node:
        return self.mounted.stored(self.on_top(path))


@writing(breaks="COPYUP-PRESERVE")
class CopiesThePlaceholdersMode(Reaching):
    """Copies a directory up with the topmost one's mode."""

    def copied(self, path: str) -> Node:
        return super().copied(path)._replace(mode=self.on_top(path).mode)


@writing(breaks="COPYUP-PRESERVE")
class CopiesThePlaceholdersOwner(Reaching):
    """Copies a directory up with the topmost one's owner."""

    def copied(self, path: str) -> Node:
        return super().copied(path)._replace(uid=self.on_top(path).uid)


@writing(breaks="COPYUP-PRESERVE")
class CopiesThePlaceholdersGroup(Reaching):
    """Copies a directory up with the topmost one's group."""

    def copied(self, path: str) -> Node:
        return super().copied(path)._replace(gid=self.on_top(path).gid)


@writing(breaks="COPYUP-PRESERVE")
class CopiesThePlaceholdersXattrs(Reaching):
    """Copies a directory up with the topmost one's xattrs."""

    def copied(self, path: str) -> Node:
        return super().copied(path)._replace(xattrs=self.mounted.stored(self.on_top(path)).xattrs)


@writing(breaks="COPYUP-PRESERVE")
class CopiesNoXattrs(Reaching):
    """Copies a directory up with its ACLs and without other xattrs."""

    def copied(self, path: str) -> Node:
        node = super().copied(path)
        return node._replace(xattrs=tuple(pair for pair in node.xattrs if pair[0] in overlayfs.ACLS))


@writing(breaks="COPYUP-PRESERVE")
class CopiesThePlaceholdersAcls(Reaching):
    """Copies a directory up with the topmost one's ACLs."""

    def copied(self, path: str) -> Node:
        return self.mounted.stored(self.with_acls_on_top(path, *overlayfs.ACLS))


@writing(breaks="COPYUP-PRESERVE")
class AncestorsArePlaceholders(Reaching):
    """Copies the directories above as the topmost layer has them."""

    def copy_up(self, path: str) -> None:
        missing = [up for up in paths.ancestors(path) if up not in self.upper]
        super().copy_up(path)
        for up in missing:
            self.upper[up] = self.mounted.stored(self.on_top(up))


@writing(breaks="COPYUP-MTIME")
class CopiesThePlaceholdersTime(Reaching):
    """Copies a directory up with the topmost one's mtime."""

    def copied(self, path: str) -> Node:
        return super().copied(path)._replace(mtime=self.on_top(path).mtime)


@writing(breaks="COPYUP-MTIME")
class CopyUpIsAChange(Reaching):
    """Sets the mtime of what is copied up to now."""

    def copied(self, path: str) -> Node:
        return super().copied(path)._replace(mtime=None)


@writing(breaks="COPYUP-MTIME")
class ChildrenLeaveTheTime(Reaching):
    """Leaves a directory's mtime where a child is created, removed or renamed."""

    def touch(self, directory: str) -> None:
        self.settle(directory)


@writing(breaks="COPYUP-MTIME")
class RemovalLeavesTheTime(Reaching):
    """Leaves a directory's mtime where a child is removed."""

    def take_out(self, path: str) -> None:
        above = paths.parent(path)
        self.settle(above)
        before = self.upper[above].mtime
        super().take_out(path)
        self.upper[above] = self.upper[above]._replace(mtime=before)


@writing(breaks="COPYUP-MTIME")
class MovesLeaveTheTime(Reaching):
    """Leaves the mtime of the directory that something is moved to."""

    def move(self, old: Target, new: Target, *, exchange: bool) -> None:
        before = self.shown(new.directory).mtime
        super().move(old, new, exchange=exchange)
        if new.directory in self.upper and new.directory != old.directory:
            self.upper[new.directory] = self.upper[new.directory]._replace(mtime=before)


@writing(breaks="COPYUP-UNMARKED")
class CopiesTheMarkUp(Reaching):
    """Copies a directory up with its mark."""

    def copied(self, path: str) -> Node:
        node, top = super().copied(path), self.mounted.placeholder(path)
        mark = None if top is None else top.xattr(self.how.mark)
        return node if mark is None else with_xattrs(node, {self.how.mark: mark})


@writing(breaks="COPYUP-RECREATE")
class DelegatesAgain(Reaching):
    """Lets a directory that is made anew merge with what it replaces."""

    def add(self, path: str, node: Node) -> None:
        super().add(path, node)
        self.upper[path] = with_xattrs(self.upper[path], {self.how.prefix + overlayfs.OPAQUE: None})


@writing(breaks="COPYUP-RECREATE")
class RemembersTheRemoved(Reaching):
    """Gives a directory that is made anew the owner of what was removed there."""

    def add(self, path: str, node: Node) -> None:
        before = next((tree[path] for tree in self.mounted.lowers if path in tree), None)
        if node.kind == "directory" and path in self.upper and before is not None:
            node = node._replace(uid=before.uid, gid=before.gid)
        super().add(path, node)


@writing(breaks="COPYUP-RECREATE")
class MarksTheNew(Reaching):
    """Marks a directory that is made anew."""

    def add(self, path: str, node: Node) -> None:
        if node.kind == "directory" and path in self.upper:
            node = with_xattrs(node, {self.how.mark: overlayfs.YES})
        super().add(path, node)


@writing(breaks="COPYUP-SELFMARK")
class TakesTheMark(Reaching):
    """Stores a mark that is set through the mount, which so takes effect."""

    def _stored_name(self, path: str, name: str) -> str:
        return name
