"""Kernels that forget when they mount again, or mount an upper as a lower layer."""

from __future__ import annotations

import errno
from typing import Any

from dirmeta.model import overlayfs
from dirmeta.model.lookup import Merger
from dirmeta.model.mounted import with_xattrs
from dirmeta.model.tree import Node, Tree
from dirmeta.model.view import Place
from dirmeta.observe.steps import Cramp, Operate, Outcome

from . import Collection
from .lying import Kernel, altered, is_directory, without

remounting = Collection()
_CLOCK = 1_700_000_000 * 10**9
"""What is later is the clock's."""


@remounting(breaks="COPYUP-UNMARKED")
class ForgetsTheUpper(Kernel):
    """Shows the lower layers' metadata of what was copied up, once it is mounted again."""

    def walked(self, at: str, seen: Tree) -> Tree:
        if not self.again or not self.mounts[at].upper:
            return seen
        lower = self.view(at, delegate=self.option(at, "dirmeta_delegate") != "off")
        both = {path for path in lower.keys() & seen.keys() if is_directory(seen[path])}
        return {path: lower[path] if path in both else node for path, node in seen.items()}


@remounting(breaks="COPYUP-UNMARKED")
class ChangesWhenMounted(Kernel):
    """Sets the mtime of the upper's root whenever it is mounted."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        return altered(seen, ("",), mtime=1) if self.again else seen


@remounting(breaks="COPYUP-UPPERMARK")
class MarksOfTheUpperDoNothing(Merger):
    """Heeds no mark of an upper directory."""

    def __init__(self, *diffs: Any, upper: bool = False, **how: Any) -> None:
        super().__init__(*diffs, upper=upper, **how)
        self.ignores_upper = upper


class _Reused(Merger):
    """Knows whether the topmost layer may have been an upper."""

    def __init__(self, *diffs: Any, upper: bool = False, **how: Any) -> None:
        super().__init__(*diffs, upper=upper, **how)
        self.reused = not upper


@remounting(breaks="COPYUP-REUSE")
class ReusedUppersAreLeftOut(_Reused):
    """Takes no metadata from an upper that is mounted as a lower layer."""

    def is_marked(self, place: Place) -> bool:
        return (self.reused and not place.layer) or super().is_marked(place)


@remounting(breaks="COPYUP-REUSE")
class ReusedMarksDoNothing(_Reused):
    """Heeds no mark of an upper that is mounted as a lower layer."""

    def is_marked(self, place: Place) -> bool:
        return not (self.reused and not place.layer) and super().is_marked(place)


@remounting(breaks="COPYUP-CHANGE")
class DescriptorsAreStale(Kernel):
    """Tells by an open descriptor the mode that was there when it was opened."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        first: dict[Any, Any] = self.__dict__.setdefault("first", {})
        if step.call == "hold":
            first.pop((step.by, step.args[-1]), None)
        if step.call != "fstat" or not isinstance(said.value, tuple):
            return said
        mode = first.setdefault((step.by, step.args[0]), said.value[0])
        return Outcome(said.errno, (mode, *said.value[1:]))


@remounting(breaks="COPYUP-FAIL")
class ReadOnlyIsNot(Kernel):
    """Says on a read-only mount that an operation was done."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        return Outcome(0) if said.errno == errno.EROFS else said


class _Failing(Kernel):
    """Knows at which path the last operation was refused, "" where it was not."""

    refused = ""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        if step.call != "fstat":
            self.refused = step.path.partition("/")[2] if said.errno else ""
        return said


@remounting(breaks="COPYUP-FAIL")
class HidesOnceItIsMountedAgain(_Failing):
    """Makes a directory opaque where an operation fails, which shows only when it is looked up anew."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        node = seen.get(self.refused) if self.refused else None
        if node is None or node.kind != "directory":
            return seen
        opaque = overlayfs.PREFIX[self.namespace("m")] + overlayfs.OPAQUE
        return {**seen, self.refused: with_xattrs(node, {opaque: overlayfs.YES})}


@remounting(breaks="COPYUP-MTIME")
class TimesLagBehind(Kernel):
    """Shows the time of the change before last of a directory that was changed twice."""

    def walked(self, at: str, seen: Tree) -> Tree:
        before: Tree = self.__dict__.get("before", {})
        self.before = seen
        return {path: self._late(node, before.get(path)) for path, node in seen.items()}

    def _late(self, node: Node, before: Node | None) -> Node:
        if node.kind != "directory" or before is None or (before.mtime or 0) < _CLOCK:
            return node
        return node._replace(mtime=before.mtime)


@remounting(breaks="COPYUP-FAIL")
class FullIsAnyError(Kernel):
    """Answers that an argument is wrong where it has no room left."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        is_cramped = any(isinstance(each, Cramp) for each in self.job.steps)
        refused = said.errno in (errno.EACCES, errno.EPERM)
        return Outcome(errno.EINVAL) if is_cramped and refused else said


@remounting(breaks="COPYUP-PRESERVE")
class FullUppersLoseXattrs(Kernel):
    """Leaves a large xattr of a copied-up directory out where there is little room, and says nothing."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        return without(seen, "user.large") if at.startswith("cramped") else seen

    def walked(self, at: str, seen: Tree) -> Tree:
        upper = self.mounts[at].upper
        return without(seen, "user.large") if upper.startswith("cramped") else seen


@remounting(breaks="COPYUP-FAIL")
class ReadOnlyIsAnyError(Kernel):
    """Answers on a read-only mount that an argument is wrong."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        return Outcome(errno.EINVAL) if said.errno == errno.EROFS else said
