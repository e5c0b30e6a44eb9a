"""Unpackers that break a rule on whiteouts and on layers of a particular shape, or by where they unpack.

As in `unpackers`; "proof of concept" is that of container-libs#701.
"""

# mypy: disable-error-code=method-assign

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace

from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import Entry
from dirmeta.subjects.reference import Unpacker
from dirmeta.subjects.reference.directories import Directory, Refused

from . import Collection
from .unpackers import address, clear, descriptor, nothing, then

shape = Collection()

# Whiteouts and opaque directories


@shape(breaks="UNPACK-WHITEOUT")
def whiteouts_imply_nothing(it: Unpacker) -> None:
    """Does not mark what it creates for a whiteout."""
    place, mark = it.place_whiteout, it.mark

    def place_whiteout(entry: Entry) -> None:
        it.mark = nothing
        place(entry)
        it.mark = mark

    it.place_whiteout = place_whiteout


@shape(breaks="UNPACK-OPAQUE")
def dressed_by_the_marker(it: Unpacker) -> None:
    """Gives an opaque directory the metadata in the header of its marker."""
    it.place_opaque = then(it.place_opaque, lambda entry: it.dress(descriptor(it, entry.path), entry))


@shape(breaks="UNPACK-OPAQUE")
def opaque_till_the_entry(it: Unpacker) -> None:
    """An entry that follows the opaque marker takes its xattr away."""
    opaque = it.private(overlayfs.OPAQUE)
    it.place_directory = then(it.place_directory, lambda entry: clear(descriptor(it, entry.path), opaque))


@shape(breaks="UNPACK-REPLACED")
def whiteouts_remove(it: Unpacker) -> None:
    """A whiteout removes what its own layer has put at its path."""
    place = it.place_whiteout

    def place_whiteout(entry: Entry) -> None:
        if entry.path in it.others:
            it.vacate(entry.path, it.parent(entry.path))
        place(entry)

    it.place_whiteout = place_whiteout


@shape(breaks="UNPACK-REPLACED")
def whiteouts_give_way(it: Unpacker) -> None:
    """Forgets a whiteout where its own layer has a directory."""
    place = it.place_whiteout
    it.place_whiteout = lambda entry: place(entry) if entry.path not in it.directories else None


@shape(breaks="UNPACK-REPLACED-MARK")
def marks_the_new(it: Unpacker) -> None:
    """Marks a directory that replaces what was whited out (proof of concept, 7)."""
    it.create_parent = then(it.create_parent, lambda path: it.mark(it.directories[path]))


# Links


@shape(breaks="UNPACK-LINKTARGET")
def makes_the_targets_parents(it: Unpacker) -> None:
    """Makes the directories above what a hardlink links to."""
    place = it.place_hardlink
    it.place_hardlink = lambda entry: (it.parent(entry.target_path), place(entry))[1]


@shape(breaks="UNPACK-LINKTARGET")
def skips_dangling_links(it: Unpacker) -> None:
    """Leaves a hardlink out, without a word, where its target is not there."""
    place = it.place_hardlink

    def place_hardlink(entry: Entry) -> None:
        with suppress(Refused):
            place(entry)

    it.place_hardlink = place_hardlink


@shape(breaks="UNPACK-LINKTARGET")
def says_only_that_it_failed(it: Unpacker) -> None:
    """Does not say which target of a hardlink is not there."""
    place = it.place_hardlink

    def place_hardlink(entry: Entry) -> None:
        try:
            place(entry)
        except Refused:
            raise Refused("layer", "link: No such file or directory") from None

    it.place_hardlink = place_hardlink


def _link_above(it: Unpacker, place: str) -> str:
    """The symlink of this layer that `place` lies below, or nothing."""
    return next((up for up in paths.ancestors(place) if it.others.get(up) == "symlink"), "")


@shape(breaks="UNPACK-BYSTANDER")
def marks_symlinks(it: Unpacker) -> None:
    """Marks the symlink that stands where it wants a directory (proof of concept, 2)."""
    create_parents = it.create_parents

    def create(path: str) -> Directory:
        if link := _link_above(it, path + "/"):
            os.setxattr(address(it, link), it.private(overlayfs.MARK), b"y", follow_symlinks=False)
        return create_parents(path)

    it.create_parents = create


@shape(breaks="UNPACK-BYSTANDER")
def chowns_through_symlinks(it: Unpacker) -> None:
    """Takes a symlink for a directory it has made, and chowns where that leads (proof of concept, 2)."""
    place = it.place

    def placed(entry: Entry) -> None:
        if link := _link_above(it, entry.place):
            with suppress(OSError):
                os.chown(address(it, link), 0, 0)
        else:
            place(entry)

    it.place = placed


# Edges, and the root


@shape(breaks="UNPACK-EDGE")
def hundred_bytes(it: Unpacker) -> None:
    """Cuts names after the hundred bytes that a tar header has room for."""
    place = it.place
    it.place = lambda entry: place(replace(entry, name=entry.name[:100]))


@shape(breaks="UNPACK-EDGE")
def shortens_components(it: Unpacker) -> None:
    """Cuts a component that no file system takes, and goes on."""
    place, it.check = it.place, nothing

    def placed(entry: Entry) -> None:
        place(replace(entry, name="/".join(part[:64] for part in entry.name.split("/"))))

    it.place = placed


@shape(breaks="UNPACK-EDGE")
def marks_twenty_levels(it: Unpacker) -> None:
    """Gives up marking twenty levels deep."""
    mark = it.mark
    it.mark = lambda directory: mark(directory) if directory.path.count("/") < 20 else None


def _is_empty(it: Unpacker) -> bool:
    return len(it.directories) == 1 and not it.others and not it.directories[""].explicit


@shape(breaks="UNPACK-EDGE")
def marks_the_empty(it: Unpacker) -> None:
    """Marks the root of a layer that has nothing in it."""
    it.finish = then(it.finish, lambda: it.mark(it.directories[""]) if _is_empty(it) else None)


@shape(breaks="UNPACK-ROOT")
def no_entry_for_the_root(it: Unpacker) -> None:
    """Passes over the entry ./ as one that says nothing."""
    place = it.place_directory
    it.place_directory = lambda entry: place(entry) if entry.path else None


@shape(breaks="UNPACK-ROOT")
def marks_the_root(it: Unpacker) -> None:
    """Marks the root of every layer."""
    it.finish = then(it.finish, lambda: it.mark(it.directories[""]))


# The switch, others at the same time, overlayfs underneath


@shape(breaks="UNPACK-OFF")
def has_no_switch(it: Unpacker) -> None:
    """Marks whether it is switched on or not."""
    it.delegate = True


@shape(breaks="UNPACK-OFF")
def another_mode_when_off(it: Unpacker) -> None:
    """Makes parents in another way, with another mode, when it is switched off."""
    if not it.delegate:
        it.furnish = then(it.furnish, lambda directory: os.chmod(descriptor(it, directory.path), 0o700))


def _destination(it: Unpacker) -> str:
    return os.readlink(f"/proc/self/fd/{descriptor(it, '')}")


@shape(breaks="UNPACK-PARALLEL")
def one_at_a_time(it: Unpacker) -> None:
    """Takes its marks back where another layer is being unpacked beside it."""
    shared = os.path.dirname(os.path.dirname(_destination(it)))
    # Never removed: layers that are unpacked one by one are of one process.
    open(f"{shared}/busy.{os.getpid()}", "w").close()

    def withdraw() -> None:
        time.sleep(0.02)  # so that layers unpacked together do meet
        if sum(name.startswith("busy.") for name in os.listdir(shared)) > 1:
            for directory in it.directories.values():
                it.clear_mark(directory)

    it.finish = then(it.finish, withdraw)


@shape(breaks="UNPACK-ONOVERLAY")
def no_marks_on_overlay(it: Unpacker) -> None:
    """Sets no marks on overlayfs, where it takes them for useless."""
    dest = _destination(it)
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as lines:
        mounts = [line.split()[1:3] for line in lines]
    above = [(len(place), kind) for place, kind in mounts if paths.below(dest, place.rstrip("/"))]
    if max(above)[1] == "overlay":
        it.mark = nothing


# What images must not do


@shape(breaks="UNPACK-FORGED")
def takes_every_xattr(it: Unpacker) -> None:
    """Sets the xattrs of an entry as they are, overlayfs's own too (proof of concept, 13)."""
    it.wanted = lambda xattr: True


@shape(breaks="UNPACK-FORGED")
def drops_only_marks(it: Unpacker) -> None:
    """Drops marks that an image brings, and keeps opaque xattrs."""
    it.wanted = lambda xattr: not xattr.endswith("." + overlayfs.MARK)


def escapes_xattrs(it: Unpacker) -> None:
    """Escapes overlayfs's own xattrs, as umoci does: no defect."""
    it.wanted = lambda xattr: True
    set_xattrs = it.set_xattrs

    def escaped(target: int | str, entry: Entry) -> None:
        set_xattrs(target, replace(entry, xattrs=tuple((_escaped(n), value) for n, value in entry.xattrs)))

    it.set_xattrs = escaped


def drops_disguised_whiteouts(it: Unpacker) -> None:
    """Leaves out a device entry that would be a whiteout: no defect."""
    place = it.place_node
    it.place_node = lambda entry: None if entry.device == (0, 0) and entry.kind == "char" else place(entry)


def _escaped(xattr: str) -> str:
    prefix = next((prefix for prefix in overlayfs.PREFIX.values() if xattr.startswith(prefix)), "")
    return f"{prefix}overlay.{xattr.removeprefix(prefix)}" if prefix else xattr


def _write(it: Unpacker, entry: Entry) -> None:
    """Write a file at the name that DEST and an entry's name make together."""
    with open(f"/proc/self/fd/{descriptor(it, '')}/{entry.name}", "wb") as file:
        file.write(entry.content)


@shape(breaks="UNPACK-CONTAINED")
def accepts_dots(it: Unpacker) -> None:
    """Follows .. in the name of a file."""
    place, check = it.place, it.check
    it.check = lambda entry: check(entry) if entry.kind != "file" else None
    it.place = lambda entry: _write(it, entry) if ".." in entry.name.split("/") else place(entry)


@shape(breaks="UNPACK-CONTAINED")
def follows_symlinks(it: Unpacker) -> None:
    """Follows a symlink of the layer wherever it leads."""
    place = it.place
    it.place = lambda entry: _write(it, entry) if _link_above(it, entry.place) else place(entry)


# Placeholders


@shape(breaks="UNPACK-FALLBACK")
def placeholder_by_umask(it: Unpacker) -> None:
    """Leaves the mode of a placeholder to the umask."""
    umask = os.umask(0)
    os.umask(umask)
    it.furnish = then(it.furnish, lambda directory: os.chmod(descriptor(it, directory.path), 0o777 & ~umask))


@shape(breaks="UNPACK-FALLBACK")
def placeholder_of_today(it: Unpacker) -> None:
    """Leaves a placeholder the time at which it is made."""
    it.furnish = then(it.furnish, lambda directory: setattr(directory, "mtime", None))


@shape(breaks="UNPACK-FALLBACK")
def placeholder_of_the_owner(it: Unpacker) -> None:
    """Gives a placeholder the owner of the entry that it is made for."""
    entries: list[Entry] = []

    def remember(entry: Entry) -> None:
        entries.append(entry)

    it.check = then(it.check, remember)
    it.furnish = then(
        it.furnish,
        lambda directory: os.chown(descriptor(it, directory.path), entries[-1].uid, entries[-1].gid),
    )


@shape(breaks="UNPACK-FALLBACK")
def private_placeholder(it: Unpacker) -> None:
    """Lets nobody but root into a placeholder."""
    it.furnish = then(it.furnish, lambda directory: os.chmod(descriptor(it, directory.path), 0o700))
