"""Kernels that are wrong in what only a running system shows: the host's, told truly but for one answer."""

from __future__ import annotations

import errno
from typing import cast

from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Failure, Identity, Mount, Operate, Outcome

from . import Collection
from .lying import Kernel, Rows, is_directory, listing

stock = Collection()


@stock(breaks="MERGE-AGREE")
class OldDescriptorsAreStale(Kernel):
    """Has a descriptor of a marked directory that was opened earlier answer with another mode."""

    def agreed(self, at: str, seen: Rows) -> Rows:
        return {
            path: {**ways, "held": (0o700, *ways["held"][1:]) if path in self.marked else ways["held"]}
            for path, ways in seen.items()
        }


@stock(breaks="MERGE-AGREE")
class RemountsChangeTheTime(Kernel):
    """Shows marked directories with another time after a remount."""

    def agreed(self, at: str, seen: Rows) -> Rows:
        def shown(path: str, look: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
            return (*look[:3], 1) if self.again and path in self.marked else look

        return {path: {way: shown(path, look) for way, look in ways.items()} for path, ways in seen.items()}


@stock(breaks="MERGE-AGREE")
class RemountsLoseTheMarked(Kernel):
    """Finds no marked directory after a remount."""

    def agreed(self, at: str, seen: Rows) -> Rows:
        return {path: ways for path, ways in seen.items() if not (self.again and path in self.marked)}


class Identities(Kernel):
    """A kernel whose identity numbers of marked directories are told by `identity`."""

    def identity(self, true: Identity) -> Identity:
        return true

    def identified(self, seen: dict[str, Identity]) -> dict[str, Identity]:
        return {path: self.identity(true) if path in self.marked else true for path, true in seen.items()}


@stock(breaks="MERGE-INO")
class CopyUpRenumbers(Identities):
    """Gives a marked directory another number once it is copied up."""

    def identity(self, true: Identity) -> Identity:
        moved = bool(self.changed) << 20
        return true._replace(d_ino=true.d_ino + moved, st_ino=true.st_ino + moved)


@stock(breaks="MERGE-INO")
class RemountRenumbers(Identities):
    """Gives a copied-up marked directory another number after a remount."""

    def identity(self, true: Identity) -> Identity:
        return true._replace(d_ino=true.d_ino + self.again, st_ino=true.st_ino + self.again)


@stock(breaks="MERGE-INO")
class ListsTheSourcesNumber(Identities):
    """Has readdir tell another number of a marked directory than stat."""

    def identity(self, true: Identity) -> Identity:
        return true._replace(d_ino=true.d_ino + 1)


@stock(breaks="MERGE-INO")
class ListsNoType(Identities):
    """Has readdir tell no type of a marked directory."""

    def identity(self, true: Identity) -> Identity:
        return true._replace(d_type=0)


@stock(breaks="MERGE-INO")
class HasNoHandle(Identities):
    """Gives no file handle of a marked directory."""

    def identity(self, true: Identity) -> Identity:
        return true._replace(handle=None)


@stock(breaks="MERGE-INO")
class HandlesFollowTheSource(Identities):
    """Gives another file handle of a marked directory once it is copied up."""

    def identity(self, true: Identity) -> Identity:
        return true._replace(handle=true.handle + b"x" if true.handle and self.changed else true.handle)


@stock(breaks="MERGE-INO")
class RefusesToChangeTheMarked(Kernel):
    """Refuses to change a marked directory."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        return Outcome(errno.EPERM) if step.path.removeprefix("m/") in self.marked else said


@stock(breaks="MERGE-PRIVATE")
class CopiesTheMarkUp(Kernel):
    """Copies the mark up with the directory."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        return listing(seen, {path for path in self.marked if f"m/{path}" in self.changed}, self.mark)


@stock(breaks="MERGE-PRIVATE")
class CopiesTheMarkOfAFileUp(Kernel):
    """Copies the mark up with a file that has one."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        marks = {
            path: node.xattrs for tree in self.laid.values() for path, node in tree.items()
            if node.kind == "file" and node.xattr(self.mark)
        }  # fmt: skip
        return {path: node._replace(xattrs=marks.get(path, node.xattrs)) for path, node in seen.items()}


@stock(breaks="MERGE-PRIVATE")
class CopiesNoMarkedUp(Kernel):
    """Changes a marked directory without a copy of it."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        return {path: node for path, node in seen.items() if path not in self.marked}


@stock(breaks="MERGE-PRIVATE")
class AnswersForTheMark(Kernel):
    """Answers who asks for the mark by its name."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        asked = step.call == "getxattr" and step.path.removeprefix("m/") in self.marked
        return Outcome(0, b"y") if asked else said


@stock(breaks="MERGE-PRIVATE")
class ListsTheMarkWithoutAValue(Kernel):
    """Lists the mark to who asks for names, and does not answer who asks for its value."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        asked = step.call == "listxattr" and step.path.removeprefix("m/") in self.marked
        return Outcome(0, (*cast("tuple[str, ...]", said.value), self.mark)) if asked else said


@stock(breaks="MERGE-PRIVATE")
class ListsTheMarkOnceCopiedUp(Kernel):
    """Lists the mark of a directory that is copied up."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return listing(seen, self.marked, self.mark) if self.changed else seen


@stock(breaks="COMPAT-NOOP")
class DelegatesUnasked(Kernel):
    """Delegates without a word about it."""

    def walked(self, at: str, seen: Tree) -> Tree:
        shown = self.view(at, delegate=True)
        return {path: shown[path] if is_directory(node) and path else node for path, node in seen.items()}


@stock(breaks="COMPAT-NOOP")
class LogsMarks(Kernel):
    """Writes to the log about a mark."""

    def logged(self, lines: list[str]) -> list[str]:
        return [*lines, *(f"overlayfs: unknown xattr on {path}" for path in self.marked)]


@stock(breaks="COMPAT-NOOP")
class ShowsMarks(Kernel):
    """Lists marks as ordinary xattrs."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return listing(seen, self.marked, self.mark)


@stock(breaks="COMPAT-NOOP")
class RefusesMarkedLayers(Kernel):
    """Does not mount a layer that has a mark."""

    def mounted(self, step: Mount) -> Failure | None:
        return Failure(errno.EINVAL, "Invalid argument: m") if self.marked else None


@stock(breaks="COMPAT-NOOP")
class TouchesFilesInMarked(Kernel):
    """Shows what lies in a marked directory with another time."""

    def walked(self, at: str, seen: Tree) -> Tree:
        def touched(path: str, node: Node) -> Node:
            return node._replace(mtime=1) if path.rpartition("/")[0] in self.marked else node

        return {path: touched(path, node) for path, node in seen.items()}
