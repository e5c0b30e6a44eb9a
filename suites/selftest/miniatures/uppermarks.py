"""Kernels that write to marked directories of the upper without storing what shows of them."""

from __future__ import annotations

from dirmeta.model import overlayfs
from dirmeta.model.leave import Target
from dirmeta.model.mounted import with_xattrs
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node

from . import Collection
from .topmost import Reaching

upper_marks = Collection()


@upper_marks(breaks="COPYUP-UPPERMARK")
class DropsTheMarkFirst(Reaching):
    """Takes the mark from a directory of the upper without storing what showed."""

    def settled(self, path: str) -> Node:
        return with_xattrs(self.upper[path], {self.how.mark: None})


@upper_marks(breaks="COPYUP-UPPERMARK")
class StoresAndDelegates(Reaching):
    """Stores what showed in a directory of the upper and leaves the mark."""

    def settled(self, path: str) -> Node:
        return with_xattrs(super().settled(path), {self.how.mark: overlayfs.YES})


@upper_marks(breaks="COPYUP-UPPERMARK")
class MergesXattrsInTheUpper(Reaching):
    """Stores xattrs in a marked directory of the upper beside those that it has."""

    def settled(self, path: str) -> Node:
        node = super().settled(path)
        return node._replace(
            xattrs=tuple(sorted({**dict(self.on_top(path).xattrs), **dict(node.xattrs)}.items()))
        )


@upper_marks(breaks="COPYUP-UPPERMARK")
class StoresNoTime(Reaching):
    """Stores all but the mtime in a marked directory of the upper."""

    def settled(self, path: str) -> Node:
        return super().settled(path)._replace(mtime=self.upper[path].mtime)


class _Skips(Reaching):
    """Does some things to the upper as if no mark were there."""

    skipping = False

    def settle(self, path: str) -> None:
        if self.skipping and self.mounted.is_marked_upper(path):
            return
        super().settle(path)


@upper_marks(breaks="COPYUP-UPPERMARK")
class XattrsSkipStoring(_Skips):
    """Sets and removes xattrs on a marked directory of the upper as it is."""

    def _require_xattr(self, who: Credentials, path: str, name: str) -> None:
        super()._require_xattr(who, path, name)
        self.skipping = True


@upper_marks(breaks="COPYUP-UPPERMARK")
class AclsSkipStoring(_Skips):
    """Sets ACLs on a marked directory of the upper as it is."""

    def setacl(self, who: Credentials, path: str, acl: str, type: str = "access") -> None:
        self.skipping = True
        super().setacl(who, path, acl, type)


@upper_marks(breaks="COPYUP-UPPERMARK")
class ChmodSkipsStoring(_Skips):
    """Sets the mode of a marked directory of the upper, whose mark hides it."""

    def change_mode(self, who: Credentials, path: str, mode: int) -> None:
        self.skipping = True
        super().change_mode(who, path, mode)


@upper_marks(breaks="COPYUP-UPPERMARK")
class ChildrenSkipStoring(_Skips):
    """Adds to and removes from a marked directory of the upper, whose mark hides the time."""

    def touch(self, directory: str) -> None:
        self.skipping = True
        super().touch(directory)
        self.skipping = False


@upper_marks(breaks="COPYUP-UPPERMARK")
class RenameForgetsTheOldParent(_Skips):
    """Stores what shows of the directory that something is moved to, not of the one it is taken from."""

    def move(self, old: Target, new: Target, *, exchange: bool) -> None:
        self.leaving = old.directory if old.directory != new.directory else ""
        super().move(old, new, exchange=exchange)

    leaving = ""

    def settle(self, path: str) -> None:
        self.skipping = path == self.leaving
        super().settle(path)


@upper_marks(breaks="COPYUP-UPPERMARK")
class KeepsAMarkOverNothing(_Skips):
    """Leaves the mark of a changed directory where all that lie there are marked."""

    def settle(self, path: str) -> None:
        self.skipping = not self.mounted.is_delegated(path)
        super().settle(path)


@upper_marks(breaks="COPYUP-UPPERMARK")
class RemovesTheMarkOnRequest(Reaching):
    """Lets the mark of a directory of the upper be removed through the mount."""

    def removexattr(self, who: Credentials, path: str, name: str) -> None:
        if name == self.how.mark and self.mounted.is_marked_upper(path):
            self.existing(path, who)
            self.upper[path] = with_xattrs(self.upper[path], {name: None})
        else:
            super().removexattr(who, path, name)
