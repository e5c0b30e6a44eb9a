"""Kernels with the feature that are wrong in how they mount, not in the look-up itself.

Each is the model of such a kernel, told truly but for one answer. Those of `stock` kernels are in `stock`.
"""

from __future__ import annotations

import errno

from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Failure, Mount

from . import Collection
from .lying import Kernel, Rows, altered, is_directory, listing, row

delegating = Collection()


@delegating(breaks="MERGE-DATAONLY")
class TakesDataForASource(Kernel):
    """Goes on into data-only layers where every directory above them is marked."""

    def walked(self, at: str, seen: Tree) -> Tree:
        step = self.mounts[at]
        data = self.laid[step.lowers[-1]]
        unmarked = {
            path for name in step.lowers[:-1] for path, node in self.laid[name].items()
            if node.xattr(self.mark) is None
        }  # fmt: skip
        behind = {path: node for path, node in data.items() if is_directory(node) and path not in unmarked}
        return {path: behind.get(path, node) if is_directory(node) else node for path, node in seen.items()}


@delegating(breaks="MERGE-NESTED")
class ShowsPlaceholdersOutside(Kernel):
    """Reads the topmost directories of a nested overlay, not what that shows."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return seen if at == "inner" else self.view("inner", delegate=False)


@delegating(breaks="MERGE-NESTED")
class ListsTheInnerMark(Kernel):
    """Lists the marks of a nested overlay's layers."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return seen if at == "inner" else listing(seen, self.marked, self.mark)


@delegating(breaks="MERGE-NESTED")
class ListsTheMarkThatIsShown(Kernel):
    """Lists a mark that a nested overlay shows, though it is the outer mount's own."""

    def walked(self, at: str, seen: Tree) -> Tree:
        shown = self.laid.setdefault("shown", seen)
        return {**seen, **{path: node for path, node in shown.items() if is_directory(node)}}


@delegating(breaks="MERGE-NESTED")
class LetsTheOuterMountReadMarks(Kernel):
    """Lets an outer mount read the marks of a nested overlay's layers, of which that shows none."""

    def walked(self, at: str, seen: Tree) -> Tree:
        if at == "inner":
            self.laid[at] = listing(seen, self.marked, self.mark)
        return self.view(at, delegate=True) if self.namespace(at) == self.namespace("inner") else seen


@delegating(breaks="MERGE-NESTED")
class IgnoresMarksThatAreShown(Kernel):
    """Takes what a nested overlay shows under the mark's name for no mark."""

    def walked(self, at: str, seen: Tree) -> Tree:
        if at == "inner":
            self.laid[at] = seen
        return seen if at == "inner" else self.view(at, delegate=False)


@delegating(breaks="MERGE-OPTIONS")
class MetacopyIgnoresMarks(Kernel):
    """Ignores marks where metacopy is on."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return self.view(at, delegate=False) if self.option(at, "metacopy") == "on" else seen


@delegating(breaks="MERGE-OPTIONS")
class VolatileTouchesTheMarked(Kernel):
    """Shows marked directories with a time of its own where the mount is volatile."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return seen if self.option(at, "volatile") is None else altered(seen, self.marked, mtime=1)


@delegating(breaks="MERGE-OPTIONS")
class AppendedLayersIgnoreMarks(Kernel):
    """Ignores marks in layers that are given one by one."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return self.view(at, delegate=False) if self.mounts[at].append else seen


@delegating(breaks="MERGE-BACKING")
class LosesNanoseconds(Kernel):
    """Shows whole seconds of marked directories on ext4."""

    def walked(self, at: str, seen: Tree) -> Tree:
        if self.job.backing != "ext4":
            return seen
        whole = {path: (seen[path].mtime or 0) // 10**9 * 10**9 for path in self.marked & seen.keys()}
        return {
            path: node._replace(mtime=whole[path]) if path in whole else node for path, node in seen.items()
        }


@delegating(breaks="MERGE-SWITCH")
class DelegatesThoughOff(Kernel):
    """Delegates though it is switched off."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return self.view(at, delegate=True) if self.option(at, "dirmeta_delegate") == "off" else seen


@delegating(breaks="MERGE-SWITCH")
class IgnoresMarksThoughOn(Kernel):
    """Takes the option and does not heed it."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return self.view(at, delegate=False)


@delegating(breaks="MERGE-SWITCH")
class RefusesOff(Kernel):
    """Knows the option as a flag only that can be set."""

    def mounted(self, step: Mount) -> Failure | None:
        refused = ("dirmeta_delegate", "off") in step.options
        return Failure(errno.EINVAL, "Invalid argument: m") if refused else None


@delegating(breaks="MERGE-AGREE")
class DescriptorsShowTheTopmost(Kernel):
    """Has fstat answer with the topmost directory's metadata."""

    def agreed(self, at: str, seen: Rows) -> Rows:
        top = self.view(at, delegate=False)
        return {path: {**ways, "fstat": row(top[path])} for path, ways in seen.items()}
