"""Kernels that rename directories to something else, and that leave something behind where they refuse to."""

from __future__ import annotations

import errno

from dirmeta.model import overlayfs
from dirmeta.model.leave import Denied, Target
from dirmeta.model.mounted import with_pairs, with_xattrs
from dirmeta.model.tree import Node

from . import Collection
from .topmost import FailsBadly, Reaching

renaming = Collection()


@renaming(breaks="COPYUP-RENAME")
class RenamesPlaceholders(Reaching):
    """Gives a renamed directory the metadata of the topmost one."""

    def _have_moved(self, old: Target, new: Target) -> None:
        top, marked = self.on_top(old.path), self.mounted.is_marked_upper(old.path)
        super()._have_moved(old, new)
        if self.upper[old.path].kind == "directory" and not marked:
            private = self.mounted.private(self.upper[old.path])
            self.upper[old.path] = with_pairs(self.mounted.stored(top), private)


@renaming(breaks="COPYUP-RENAME")
class RenamesWithTheMark(Reaching):
    """Gives a renamed directory the metadata that showed, and the mark."""

    def redirect(self, path: str, *, same_directory: bool) -> None:
        super().redirect(path, same_directory=same_directory)
        self._note_in(path, overlayfs.MARK, overlayfs.YES)


@renaming(breaks="ACCESS-MOVE")
class ExchangesPlaceholders(RenamesPlaceholders):
    """Gives directories that change places the metadata of the topmost ones."""

    exchanging = False

    def move(self, old: Target, new: Target, *, exchange: bool) -> None:
        self.exchanging = exchange
        super().move(old, new, exchange=exchange)

    def _have_moved(self, old: Target, new: Target) -> None:
        broken = RenamesPlaceholders if self.exchanging else Reaching
        broken._have_moved(self, old, new)


@renaming(breaks="COPYUP-RENAME")
class ForgetsWhereItWas(Reaching):
    """Renames a directory away from what it merged with."""

    def redirect(self, path: str, *, same_directory: bool) -> None:
        self._note_in(path, overlayfs.OPAQUE, overlayfs.YES)


@renaming(breaks="COPYUP-RENAME")
class RedirectsByName(Reaching):
    """Notes only the old name of a directory that is moved to another parent."""

    def redirect(self, path: str, *, same_directory: bool) -> None:
        super().redirect(path, same_directory=True)


@renaming(breaks="COPYUP-RENAME")
class RenamesNothing(Reaching):
    """Refuses to rename a directory that merges, with redirect_dir=on too."""

    def _have_moved(self, old: Target, new: Target) -> None:
        if self.mounted.is_lower(old.path) and self.shown(old.path).kind == "directory":
            raise Denied(errno.EXDEV)
        super()._have_moved(old, new)


@renaming(breaks="COPYUP-RENAME")
class RefusedRenamesOpen(FailsBadly):
    """Opens a directory that it does not rename to everybody."""

    errors = (errno.EXDEV,)

    def left(self, path: str, node: Node) -> Node:
        return node._replace(mode=node.mode | 0o777)


@renaming(breaks="COPYUP-RENAME")
class RefusedRenamesHide(FailsBadly):
    """Makes a directory opaque that it does not rename."""

    errors = (errno.EXDEV,)

    def left(self, path: str, node: Node) -> Node:
        return with_xattrs(node, {self.how.prefix + overlayfs.OPAQUE: overlayfs.YES})
