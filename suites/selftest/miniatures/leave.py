"""Kernels that go by other metadata than what shows when they permit and refuse, and in what a new file
inherits: the model of writing with one method broken."""

from __future__ import annotations

import errno
from typing import Any

from dirmeta.model import overlayfs, permission
from dirmeta.model.leave import Denied, Target
from dirmeta.model.permission import READ, SEARCH, WRITE
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node
from dirmeta.model.upper import SETGID

from . import Collection
from .topmost import Reaching, without_acl

leave = Collection()


@leave(breaks="ACCESS-DAC")
class PermitsByThePlaceholder(Reaching):
    """Permits by the metadata of the topmost directory, while stat shows the source's."""

    def governing(self, path: str) -> Node:
        return self.on_top(path)


@leave(breaks="ACCESS-DAC")
class ModeOfThePlaceholder(Reaching):
    """Permits by the topmost directory's mode and the source's owner."""

    def governing(self, path: str) -> Node:
        return self.shown(path)._replace(mode=self.on_top(path).mode)


@leave(breaks="ACCESS-DAC")
class OwnerOfThePlaceholder(Reaching):
    """Permits by the source's mode and the topmost directory's owner and group."""

    def governing(self, path: str) -> Node:
        top = self.on_top(path)
        return self.shown(path)._replace(uid=top.uid, gid=top.gid)


class _OneBit(Reaching):
    bit = 0

    def require(self, path: str, who: Credentials, bits: int) -> None:
        if bits & self.bit and not permission.permits(self.on_top(path), who, self.bit):
            raise Denied(errno.EACCES)
        if left := bits & ~self.bit:
            super().require(path, who, left)


@leave(breaks="ACCESS-DAC")
class SearchesByThePlaceholder(_OneBit):
    """Lets those search a directory whom the topmost one lets."""

    bit = SEARCH


@leave(breaks="ACCESS-DAC")
class ListsByThePlaceholder(_OneBit):
    """Lets those list a directory whom the topmost one lets."""

    bit = READ


@leave(breaks="ACCESS-DAC")
class WritesByThePlaceholder(_OneBit):
    """Lets those write to a directory whom the topmost one lets."""

    bit = WRITE


@leave(breaks="ACCESS-NOWIDEN")
class PermitsWhatEitherPermits(Reaching):
    """Permits what the source permits, and what the topmost directory permits too."""

    def require(self, path: str, who: Credentials, bits: int) -> None:
        if not permission.permits(self.on_top(path), who, bits):
            super().require(path, who, bits)


@leave(breaks="ACCESS-STICKY")
class StickyByThePlaceholder(Reaching):
    """Restricts removal to owners where the topmost directory is sticky."""

    def require_removable(self, target: Target, who: Credentials) -> None:
        self.require(target.directory, who, WRITE | SEARCH)
        if not permission.may_remove(self.on_top(target.directory), self.shown(target.path), who):
            raise Denied(errno.EPERM)


@leave(breaks="ACCESS-STICKY")
class NothingIsSticky(Reaching):
    """Lets whoever may write to a directory remove all that is in it."""

    def require_removable(self, target: Target, who: Credentials) -> None:
        self.require(target.directory, who, WRITE | SEARCH)


@leave(breaks="ACCESS-STICKY")
class OwnedLikeThePlaceholder(Reaching):
    """Lets the topmost directory's owner remove what is in a sticky one."""

    def require_removable(self, target: Target, who: Credentials) -> None:
        self.require(target.directory, who, WRITE | SEARCH)
        owner = self.on_top(target.directory).uid
        directory = self.shown(target.directory)._replace(uid=owner)
        if not permission.may_remove(directory, self.shown(target.path), who):
            raise Denied(errno.EPERM)


class _Heirs(Reaching):
    """Has children inherit from a directory as if it were `parent`."""

    inheriting = False

    def parent(self, path: str) -> Node:
        return self.shown(path)

    def governing(self, path: str) -> Node:
        return self.parent(path) if self.inheriting else super().governing(path)

    def born(self, directory: str, kind: Any, mode: int, who: Credentials) -> Node:
        self.inheriting = True
        return super().born(directory, kind, mode, who)


@leave(breaks="ACCESS-SETGID")
class SetgidOfThePlaceholder(_Heirs):
    """Has children inherit the group where the topmost directory is setgid."""

    def parent(self, path: str) -> Node:
        return self.shown(path)._replace(mode=self.on_top(path).mode)


@leave(breaks="ACCESS-SETGID")
class GroupOfThePlaceholder(_Heirs):
    """Gives children of a setgid directory the topmost directory's group."""

    def parent(self, path: str) -> Node:
        return self.shown(path)._replace(gid=self.on_top(path).gid)


@leave(breaks="ACCESS-SETGID")
class PassesNoSetgidOn(Reaching):
    """Gives subdirectories of a setgid directory its group and not the bit."""

    def born(self, directory: str, kind: Any, mode: int, who: Credentials) -> Node:
        new = super().born(directory, kind, mode, who)
        return new._replace(mode=new.mode & ~SETGID)


@leave(breaks="ACCESS-ACL")
class IgnoresAcls(Reaching):
    """Goes by the mode alone where there is an access ACL."""

    def governing(self, path: str) -> Node:
        return without_acl(self.shown(path))


@leave(breaks="ACCESS-ACL")
class AclOfThePlaceholder(Reaching):
    """Goes by the topmost directory's access ACL."""

    def governing(self, path: str) -> Node:
        return self.with_acls_on_top(path, overlayfs.ACL_ACCESS)


@leave(breaks="ACCESS-ACL")
class InheritsThePlaceholdersAcl(_Heirs):
    """Has children inherit the topmost directory's default ACL."""

    def parent(self, path: str) -> Node:
        return self.with_acls_on_top(path, overlayfs.ACL_DEFAULT)


@leave(breaks="ACCESS-ACL")
class InheritsNoAcl(_Heirs):
    """Has children inherit no default ACL."""

    def parent(self, path: str) -> Node:
        return without_acl(self.shown(path), overlayfs.ACL_DEFAULT)


@leave(breaks="ACCESS-ACL")
class PassesNoDefaultOn(Reaching):
    """Gives subdirectories an access ACL and no default one."""

    def born(self, directory: str, kind: Any, mode: int, who: Credentials) -> Node:
        return without_acl(super().born(directory, kind, mode, who), overlayfs.ACL_DEFAULT)


@leave(breaks="ACCESS-OWNER")
class ThePlaceholdersOwnerChanges(Reaching):
    """Lets the topmost directory's owner change mode, ACLs and times."""

    def require_owner(self, path: str, who: Credentials) -> None:
        if not permission.owns(who, self.on_top(path)):
            raise Denied(errno.EPERM)


@leave(breaks="ACCESS-OWNER")
class AnybodyChanges(Reaching):
    """Lets anybody change mode, ACLs and times."""

    def require_owner(self, path: str, who: Credentials) -> None:
        """Whoever it is."""


@leave(breaks="ACCESS-OWNER")
class ThePlaceholdersOwnerChowns(Reaching):
    """Lets the topmost directory's owner give it to another of his groups."""

    def chown(self, who: Credentials, path: str, uid: int | None = None, gid: int | None = None) -> None:
        self.existing(path, who)
        may = permission.may_chown(self.on_top(path), who, uid, gid)
        super().chown(Credentials() if may else who, path, uid, gid)


@leave(breaks="ACCESS-OWNER")
class TouchesByThePlaceholder(Reaching):
    """Lets those set the times to now who may write to the topmost directory."""

    def utimens(self, who: Credentials, path: str, mtime: int | None = None) -> None:
        self.existing(path, who)
        if mtime is None and permission.permits(self.on_top(path), who, WRITE):
            self.change(path, mtime=None)
        else:
            super().utimens(who, path, mtime)


@leave(breaks="ACCESS-OWNER")
class XattrsInStickyForAll(Reaching):
    """Lets whoever may write to a sticky directory set user.* xattrs on it."""

    def _require_xattr(self, who: Credentials, path: str, name: str) -> None:
        if name.startswith("user.") and self.how.prefix != "user.overlay.":
            self.existing(path, who)
            self.require(path, who, WRITE)
        else:
            super()._require_xattr(who, path, name)


@leave(breaks="ACCESS-MOVE")
class MovesWithoutLeave(Reaching):
    """Moves a directory for whoever may write to both parents."""

    def require_movable(self, path: str, who: Credentials) -> None:
        """Whoever it is."""


@leave(breaks="ACCESS-MOVE")
class MovesByThePlaceholder(Reaching):
    """Moves a directory for those who may write to the topmost one."""

    def require_movable(self, path: str, who: Credentials) -> None:
        if not permission.permits(self.on_top(path), who, WRITE):
            raise Denied(errno.EACCES)
