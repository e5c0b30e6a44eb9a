"""What goes into the upper directory of a mounted overlay when something is written.

Follows fs/overlayfs of Linux 6.12: copy_up.c and dir.c.
"""

from __future__ import annotations

import errno
from typing import Any, Final

from dirmeta.model import acl, overlayfs, paths, permission, spelling
from dirmeta.model.leave import Denied, Leave, Target
from dirmeta.model.mounted import Mounted, with_pairs, with_xattrs
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import WHITEOUT, Node, Tree, link_groups

SETGID: Final = 0o2000
REDIRECT_MAX: Final = 256
"""Bytes of a redirect; what is further away has to be copied. Kernel: the parameter redirect_max."""


class Upper(Leave):
    """An upper directory being written to. Each method is one rule; a miniature kernel breaks one of them.

    upper    the raw tree as it will be; a time of None is the clock's
    reasons  path → the rule that says how it changes
    either   path → another node that may stand in the upper there
    """

    def __init__(self, mounted: Mounted) -> None:
        super().__init__(mounted)
        self.upper: Tree = dict(mounted.upper)
        self.reasons: dict[str, str] = {}
        self.either: Tree = {}

    def copy_up(self, path: str) -> None:
        """Have the upper hold a path, and all directories above it, with the metadata that they show."""
        for up in dict.fromkeys((paths.ROOT, *reversed(paths.ancestors(path)), path)):
            if self.mounted.is_marked_upper(up) and up in self.upper:
                if up != path:
                    self.either.setdefault(up, self.settled(up))
            elif up not in self.upper:
                self.upper[up] = self.copied(up)
                self.reasons[up] = "COPYUP-PRESERVE"
                if self.shown(up).kind == "directory":
                    self.note(up, "copied up")

    def copied(self, path: str) -> Node:
        """What copying up stores of a path."""
        return self.mounted.stored(self.shown(path))

    def settled(self, path: str) -> Node:
        """A marked directory of the upper that has been given the metadata it shows, and no mark."""
        return with_pairs(self.copied(path), self.mounted.private(self.upper[path]))

    def settle(self, path: str) -> None:
        """Store what shows of a directory before it is changed."""
        self.copy_up(path)
        if self.mounted.is_marked_upper(path) and path in self.upper:
            if self.how.mark in dict(self.upper[path].xattrs):
                self.upper[path] = self.settled(path)
                self.reasons[path] = "COPYUP-UPPERMARK"
                self.note(path, "settled")
            self.either.pop(path, None)

    def change(self, path: str, **fields: Any) -> None:
        """Give what the upper has at a path other fields, under all its names."""
        self.settle(path)
        self.put(path, self.upper[path]._replace(**fields))

    def put(self, path: str, node: Node) -> None:
        """Have the upper hold a changed node under all names of the old one."""
        link = self.upper[path].link
        for each, old in list(self.upper.items()):
            if each == path or (link and old.link == link):
                self.upper[each] = node._replace(link=old.link)
                self.reasons.setdefault(each, "COPYUP-CHANGE")
        if self.reasons[path] == "COPYUP-PRESERVE":
            self.reasons[path] = "COPYUP-CHANGE"
        self.note(path, "changed")

    def touch(self, directory: str) -> None:
        """A name was added to a directory, or taken out of it."""
        self.settle(directory)
        self.upper[directory] = self.upper[directory]._replace(mtime=None)
        self.reasons.setdefault(directory, "COPYUP-MTIME")
        self.note(directory, "touched")

    def born(self, directory: str, kind: Any, mode: int, who: Credentials) -> Node:
        """A new file in a directory: its group, setgid bit and ACLs are what the directory says."""
        above = self.governing(directory)
        gid = above.gid if above.mode & SETGID else who.gid
        if above.mode & SETGID:
            self.note(directory, "ACCESS-SETGID")
            mode = mode | SETGID if kind == "directory" else permission.created(above, who, mode)
        default = above.xattr(overlayfs.ACL_DEFAULT)
        xattrs: dict[str, bytes] = {}
        if default is not None and kind != "symlink":
            self.note(directory, "inherits an ACL")
            mode, access = acl.inherited(default, mode)
            if access is not None:
                xattrs[overlayfs.ACL_ACCESS] = access
            if kind == "directory":
                xattrs[overlayfs.ACL_DEFAULT] = default
        return Node(kind, mode, who.uid, gid, None, tuple(sorted(xattrs.items())))

    def add(self, path: str, node: Node) -> None:
        """Put something new into a directory."""
        directory = paths.parent(path)
        merges = self.mounted.is_lower(directory)
        was_whiteout = path in self.upper
        self.touch(directory)
        if node.kind == "directory" and (was_whiteout or (merges and self.how.makes_opaque)):
            if not was_whiteout:  # it hides nothing, and may fail
                self.either[path] = node
            node = with_xattrs(node, {self.how.prefix + overlayfs.OPAQUE: overlayfs.YES})
        self.upper[path] = node
        self.reasons[path] = "COPYUP-RECREATE" if was_whiteout else self._why_born(directory)
        if was_whiteout:
            self.notes.add("recreated")
            if node.kind == "directory" and self.mounted.was_by_marks(path):
                self.notes.add("delegated recreated")

    def _why_born(self, directory: str) -> str:
        above = self.governing(directory)
        if above.xattr(overlayfs.ACL_DEFAULT) is not None:
            return "ACCESS-ACL"
        return "ACCESS-SETGID" if above.mode & SETGID else "ACCESS-DAC"

    def take_out(self, path: str) -> None:
        """Remove a name, with a whiteout where something lower would show."""
        hides = self.mounted.hides(path)
        self.touch(paths.parent(path))
        self.forget(path)
        if hides:
            self.upper[path] = WHITEOUT

    def forget(self, path: str) -> None:
        """Drop all that the upper has at and below a path."""
        for each in [each for each in self.upper if each == path or paths.below(each, path)]:
            del self.upper[each]

    def relinked(self) -> Tree:
        """The upper with the names of each file agreed on."""
        groups = {path: node.link for path, node in self.upper.items() if node.link}
        if not groups:
            return self.upper
        return link_groups({path: node._replace(link="") for path, node in self.upper.items()}, groups)

    def is_empty(self, path: str, *, cleans: bool) -> bool:
        """Whether a directory can go: nothing shows in it, and where it is the upper's alone and overlayfs
        does not clean it, the upper has no whiteouts in it either. What was copied up once is cleaned.

        Kernel: `ovl_pure_upper`.
        """
        if any(paths.below(each, path) for each in self.mounted.view.tree):
            return False
        origin = self.how.prefix + overlayfs.ORIGIN
        was_copied_up = path in self.upper and self.upper[path].xattr(origin) is not None
        if cleans or was_copied_up or self.mounted.is_lower(path):
            return True
        return not any(paths.below(each, path) for each in self.upper)

    def move(self, old: Target, new: Target, *, exchange: bool) -> None:
        """Rename what may be renamed."""
        hides = not exchange and self.mounted.hides(old.path)
        self._have_moved(old, new)
        if exchange:
            self._have_moved(new, old)
        self.touch(old.directory)
        self.touch(new.directory)
        mine = self._lift(old.path)
        theirs = self._lift(new.path)
        self._set_down(mine, old.path, new.path)
        if exchange:
            self._set_down(theirs, new.path, old.path)
        elif hides:
            self.upper[old.path] = WHITEOUT
        if old.directory != new.directory and (exchange or self._was_whiteout(new.path)):
            self._get_other_parents(old.path, new.path)

    def _was_whiteout(self, path: str) -> bool:
        """Whether what is moved there is exchanged for a whiteout."""
        return path in self.mounted.upper and self.mounted.upper[path].is_whiteout

    def _get_other_parents(self, *changed: str) -> None:
        """What the file system of the upper does with directories that are exchanged."""
        for tree in (self.upper, self.either):
            for path in changed:
                if self.how.exchanges_retime and path in tree and tree[path].kind == "directory":
                    tree[path] = tree[path]._replace(mtime=None)

    def _have_moved(self, old: Target, new: Target) -> None:
        """Prepare what is to be renamed: copied up, and a directory so that it still merges, or does not."""
        self.copy_up(old.path)
        node = self.upper[old.path]
        if node.kind != "directory":
            return
        self.note(old.path, "renamed")
        if self.mounted.is_marked_upper(old.path):
            self.either[old.path] = self.settled(old.path)
        if self.mounted.is_lower(old.path):
            self.redirect(old.path, same_directory=old.directory == new.directory)
        elif self.mounted.is_lower(new.directory):
            self._note_in(old.path, overlayfs.OPAQUE, overlayfs.YES)

    def redirect(self, path: str, *, same_directory: bool) -> None:
        """Note in a directory where its lower ones are. Kernel: `ovl_set_redirect`."""
        name = self.how.prefix + overlayfs.REDIRECT
        node = self.upper[path]
        there = node.xattr(name)
        if there is not None and (same_directory or there.startswith(b"/")):
            return
        target = spelling.to_bytes(paths.basename(path)) if same_directory else self._absolute(path)
        if len(target) > REDIRECT_MAX:
            raise Denied(errno.EXDEV, "COPYUP-RENAME")
        self._note_in(path, overlayfs.REDIRECT, target)

    def _note_in(self, path: str, what: str, value: bytes) -> None:
        """Set an xattr of overlayfs's own on a directory, however that may stand in the upper."""
        for tree in (self.upper, self.either):
            if path in tree:
                tree[path] = with_xattrs(tree[path], {self.how.prefix + what: value})

    def _absolute(self, path: str) -> bytes:
        """The path of a directory in the lower layers, as the redirects above it say."""
        name = self.how.prefix + overlayfs.REDIRECT
        target = b""
        for up in (path, *paths.ancestors(path)):
            node = self.upper.get(up)
            part = node.xattr(name) if node is not None else None
            if part is not None and part.startswith(b"/"):
                return part + target
            target = b"/" + (part or spelling.to_bytes(paths.basename(up))) + target
        return target

    def _lift(self, path: str) -> tuple[Tree, Tree]:
        """Take out of the upper all that it has, or may have, at and below a path, by relative paths."""
        lifted = _part(self.upper, path), _part(self.either, path)
        self.forget(path)
        for each in lifted[1]:
            del self.either[path + each]
        return lifted

    def _set_down(self, lifted: tuple[Tree, Tree], old: str, new: str) -> None:
        for each, node in lifted[0].items():
            self.upper[new + each] = node
            self.reasons[new + each] = "COPYUP-RENAME"
        self.either.update({new + each: node for each, node in lifted[1].items()})
        self.reasons[old] = "COPYUP-RENAME"


def _part(tree: Tree, path: str) -> Tree:
    """What is at and below a path, by what follows it."""
    return {each[len(path) :]: node for each, node in tree.items() if each == path or paths.below(each, path)}
