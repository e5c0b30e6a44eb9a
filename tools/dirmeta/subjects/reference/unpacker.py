"""Entries in the order of their stream, done to a directory one after another."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from functools import partial
from typing import Final

from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import Entry, Kind
from dirmeta.model.overlayfs import Namespace
from dirmeta.subjects.reference import metadata, names
from dirmeta.subjects.reference.directories import Directories, Directory, Refused

PLACEHOLDER_MODE: Final = 0o755
PLACEHOLDER_MTIME: Final = 0

_NEW_FILE: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES: Final[dict[Kind, int]] = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO}


class Unpacker:
    """One layer into one empty directory.

    Everything a rule speaks of is a method of its own, so that replacing one on an instance makes an
    unpacker that breaks that rule and hardly any other.

    directories  path → directory that is there now
    others       path → kind of whatever else this layer has put there, whiteouts included
    hidden       paths that the layer has whited out so far
    """

    def __init__(self, dest: str, namespace: Namespace, delegate: bool) -> None:
        self.namespace = namespace
        self.delegate = delegate
        self.directories = Directories(dest)
        self.others: dict[str, Kind] = {}
        self.hidden: set[str] = set()
        root = self.directories[paths.ROOT]
        root.defaults = metadata.has_default_acl(root.fd)

    def unpack(self, entries: Iterable[Entry]) -> None:
        """Do every entry, then set the directories' times. Raises Refused, naming the entry."""
        for entry in entries:
            try:
                self.check(entry)
                self.place(entry)
            except (OSError, ValueError, OverflowError) as why:
                raise Refused(entry.name, _cause(why)) from why
        self.finish()

    def close(self) -> None:
        self.directories.close()

    def check(self, entry: Entry) -> None:
        """Refuse a name that no directory can hold, before anything is made for it."""
        names.check(entry)

    # Directories

    def parent(self, place: str) -> Directory:
        """The directory that holds `place`; it and those above it are made where missing."""
        path = paths.parent(place)
        return self.directories.get(path) or self.create_parents(path)

    def create_parents(self, path: str) -> Directory:
        missing = [path]
        while (above := paths.parent(missing[-1])) not in self.directories:
            missing.append(above)
        in_the_way = self.others.get(missing[-1], "whiteout")
        if in_the_way != "whiteout":
            raise ValueError(f"lies below {paths.printable(missing[-1])}, a {in_the_way} of this layer")
        for each in reversed(missing):
            directory = self.create_parent(each)
        return directory

    def create_parent(self, path: str) -> Directory:
        """Make a directory that has had no entry. One that the layer has whited out is new, not
        implied (UNPACK-REPLACED-MARK)."""
        directory = self.make_directory(path)
        self.furnish(directory)
        if path not in self.hidden:
            self.mark(directory)
        return directory

    def make_directory(self, path: str) -> Directory:
        """Make a directory with nothing inherited from the one above it, opaque if whited out."""
        directory = Directory(path, self.directories[paths.parent(path)])
        assert directory.above is not None
        if path in self.others:
            self.vacate(path, directory.above)
        os.mkdir(directory.name, PLACEHOLDER_MODE, dir_fd=self.directories.descriptor(directory.above))
        self.directories[path] = directory
        self.disinherit(directory.above, self.directories.descriptor(directory))
        if path in self.hidden:
            self.make_opaque(directory)
        return directory

    def furnish(self, directory: Directory) -> None:
        """Give a directory a placeholder's metadata, whatever the umask and the group above."""
        fd = self.directories.descriptor(directory)
        metadata.own(partial(os.chown, fd), 0, 0)
        os.chmod(fd, PLACEHOLDER_MODE)
        directory.mtime = PLACEHOLDER_MTIME

    def disinherit(self, above: Directory, target: int | str) -> None:
        """Take from a new object what a default ACL above has given it. Owner and mode follow."""
        if above.defaults:
            metadata.strip_acls(target)

    def mark(self, directory: Directory) -> None:
        if self.delegate:
            self.store(directory, overlayfs.MARK)
            directory.marked = True

    def clear_mark(self, directory: Directory) -> None:
        if directory.marked:
            os.removexattr(self.directories.descriptor(directory), self.private(overlayfs.MARK))
            directory.marked = False

    def make_opaque(self, directory: Directory) -> None:
        self.store(directory, overlayfs.OPAQUE)

    def store(self, directory: Directory, fact: str) -> None:
        """Set one of overlayfs's own xattrs."""
        try:
            os.setxattr(self.directories.descriptor(directory), self.private(fact), overlayfs.YES)
        except OSError as why:
            raise Refused(directory.path, f"can not store {self.private(fact)}: {_cause(why)}") from why

    def private(self, fact: str) -> str:
        return overlayfs.PREFIX[self.namespace] + fact

    def finish(self) -> None:
        """Set the time of every directory that was made or had an entry."""
        for directory in self.directories.values():
            if directory.mtime is not None:
                fd = self.directories.descriptor(directory)
                try:
                    os.utime(fd, ns=(directory.mtime, directory.mtime))
                except (OSError, OverflowError) as why:
                    raise Refused(directory.path, f"mtime {directory.mtime} ns: {_cause(why)}") from why

    # Entries

    def place(self, entry: Entry) -> None:
        match entry.kind:
            case "directory":
                self.place_directory(entry)
            case "file":
                self.place_file(entry)
            case "symlink":
                self.place_symlink(entry)
            case "hardlink":
                self.place_hardlink(entry)
            case "whiteout":
                self.place_whiteout(entry)
            case "opaque":
                self.place_opaque(entry)
            case _:
                self.place_node(entry)

    def place_directory(self, entry: Entry) -> None:
        """Make a directory or take over one that is there: its entry has the last word."""
        path = entry.path
        directory = self.directories.get(path)
        if directory is None:
            self.parent(path)
            directory = self.make_directory(path)
        else:
            self.clear_mark(directory)
            self.forget_xattrs(directory)
        self.dress(self.directories.descriptor(directory), entry)
        directory.defaults = entry.xattr(overlayfs.ACL_DEFAULT) is not None
        directory.mtime = entry.mtime
        directory.explicit = True

    def forget_xattrs(self, directory: Directory) -> None:
        """An entry's xattrs replace those there were; what was made for want of one has none."""
        if directory.explicit or directory.above is None:
            metadata.strip(self.directories.descriptor(directory))

    def place_file(self, entry: Entry) -> None:
        above = self.room(entry)
        fd = os.open(paths.basename(entry.path), _NEW_FILE, 0o600, dir_fd=self.directories.descriptor(above))
        try:
            rest = memoryview(entry.content)
            while rest:
                rest = rest[os.write(fd, rest) :]
            self.disinherit(above, fd)
            self.dress(fd, entry)
            os.utime(fd, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(fd)

    def place_symlink(self, entry: Entry) -> None:
        above = self.room(entry)
        fd, name = self.directories.descriptor(above), paths.basename(entry.path)
        os.symlink(entry.target, name, dir_fd=fd)
        self.dress_by_name(fd, name, entry)

    def place_node(self, entry: Entry) -> None:
        """Make a device or fifo, a char device 0:0 included, which overlayfs takes for a whiteout."""
        above = self.room(entry)
        fd, name = self.directories.descriptor(above), paths.basename(entry.path)
        os.mknod(name, _NODES[entry.kind] | 0o600, os.makedev(*entry.device), dir_fd=fd)
        self.disinherit(above, _address(fd, name))
        self.dress_by_name(fd, name, entry)

    def place_hardlink(self, entry: Entry) -> None:
        """Link to what this layer has put at the target; nothing else is a target."""
        path, target = entry.path, entry.target_path
        if self.others.get(target, "whiteout") == "whiteout":
            raise Refused(entry.name, f"links to {paths.printable(entry.target)}, no file of this layer")
        if path == target:
            return
        above, kind = self.room(entry), self.others[target]
        source = self.directories.descriptor(self.directories[paths.parent(target)])
        fd = self.directories.descriptor(above)
        old, new = paths.basename(target), paths.basename(path)
        os.link(old, new, src_dir_fd=source, dst_dir_fd=fd, follow_symlinks=False)
        self.others[path] = kind

    def place_whiteout(self, entry: Entry) -> None:
        """Hide what lower layers have at a path, and nothing of this layer (UNPACK-REPLACED)."""
        path = entry.path
        self.hidden.add(path)
        directory = self.directories.get(path)
        if directory is not None:
            self.clear_mark(directory)
            self.make_opaque(directory)
        elif path not in self.others:
            above = self.parent(entry.place)
            os.mknod(paths.basename(path), stat.S_IFCHR, dir_fd=self.directories.descriptor(above))
            self.others[path] = "whiteout"

    def place_opaque(self, entry: Entry) -> None:
        """Make the marker's directory opaque; the header of the marker says nothing about it."""
        self.make_opaque(self.parent(entry.place))

    def room(self, entry: Entry) -> Directory:
        """The directory to make an entry in, with nothing standing in its place any more."""
        path = entry.path
        above = self.parent(path)
        self.vacate(path, above)
        self.others[path] = entry.kind
        return above

    def vacate(self, path: str, above: Directory) -> None:
        """Take away a whiteout, or an earlier entry for the same path."""
        if path in self.others:
            os.unlink(paths.basename(path), dir_fd=self.directories.descriptor(above))
            del self.others[path]
        elif path in self.directories:
            os.rmdir(paths.basename(path), dir_fd=self.directories.descriptor(above))
            self.directories.forget(self.directories[path])

    # Metadata

    def dress(self, fd: int, entry: Entry) -> None:
        """Owner, mode and xattrs, in this order: chown drops setuid bits and file capabilities."""
        metadata.own(partial(os.chown, fd), entry.uid, entry.gid)
        os.chmod(fd, entry.mode)
        self.set_xattrs(fd, entry)

    def dress_by_name(self, above: int, name: str, entry: Entry) -> None:
        """The same, and the time, of what can not be opened."""
        chown = partial(os.chown, name, dir_fd=above, follow_symlinks=False)
        metadata.own(chown, entry.uid, entry.gid)
        if entry.kind != "symlink":
            os.chmod(name, entry.mode, dir_fd=above)
        if entry.xattrs:
            self.set_xattrs(_address(above, name), entry)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=above, follow_symlinks=False)

    def set_xattrs(self, target: int | str, entry: Entry) -> None:
        for name, value in entry.xattrs:
            if self.wanted(name) and metadata.storable(name, entry.kind):
                try:
                    os.setxattr(target, name, value, follow_symlinks=isinstance(target, int))
                except OSError as why:
                    if not metadata.expendable(name, why):
                        raise Refused(entry.name, f"xattr {name}: {_cause(why)}") from why

    def wanted(self, xattr: str) -> bool:
        """Whether an entry may bring an xattr of that name (UNPACK-FORGED)."""
        return not overlayfs.is_overlay_private(xattr)


def _address(above: int, name: str) -> str:
    """A path for calls that know no directory descriptors."""
    return f"/proc/self/fd/{above}/{name}"


def _cause(why: Exception) -> str:
    return why.strerror if isinstance(why, OSError) and why.strerror else str(why)
