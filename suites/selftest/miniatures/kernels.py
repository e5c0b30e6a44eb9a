"""Kernels with the feature that are wrong in how they mount, not in the look-up itself.

Each is the model of such a kernel, told truly but for one answer. Those of `stock` kernels are in `stock`.
"""

from __future__ import annotations

import errno

from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Failure, Freeze, Mount, Operate, Outcome

from . import Collection
from .lying import Kernel, Rows, altered, is_directory, listing, renaming, row, without

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


@delegating(breaks="MERGE-NESTED")
class IgnoresEscapedMarks(Kernel):
    """Takes a mark that a nested overlay shows unescaped for no mark."""

    def walked(self, at: str, seen: Tree) -> Tree:
        if at == "inner":
            self.laid[at] = seen
        across = self.namespace(at) != self.namespace("inner")
        return seen if at == "inner" or across else self.view(at, delegate=False)


@delegating(breaks="MERGE-NESTED")
class ShowsEscapedAsTheyAre(Kernel):
    """Shows an escaped mark under the name that it has on disk."""

    def walked(self, at: str, seen: Tree) -> Tree:
        if at != "inner":
            return seen
        return renaming(seen, self.mark, self.mark.replace("overlay.", "overlay.overlay."))


@delegating(breaks="MERGE-NAMESPACE")
class RefusesTheOtherMark(Kernel):
    """Lets nobody set the mark of the namespace that it does not read."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        return Outcome(errno.EPERM) if step.call == "setxattr" else said


@delegating(breaks="MERGE-NAMESPACE")
class ForgetsTheOtherMark(Kernel):
    """Lists the mark of the namespace that it does not read only until something is changed."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return without(seen, self.other_mark) if self.changed and not self.again else seen


@delegating(breaks="MERGE-NAMESPACE")
class LeavesTheOtherMarkBehind(Kernel):
    """Copies up all but marks, whatever their namespace."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        return without(seen, self.other_mark)


@delegating(breaks="MERGE-NAMESPACE")
class CopiedUpMarksAreDead(Kernel):
    """Does not heed marks in what was the upper of a mount that does not read them."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        self.laid[at] = seen
        return seen

    def walked(self, at: str, seen: Tree) -> Tree:
        return self.view(at, delegate=False) if self.again else seen


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
class DataLayersAreSources(Kernel):
    """Goes on into a data-only layer that was given apart."""

    def walked(self, at: str, seen: Tree) -> Tree:
        step = self.mounts[at]
        if not step.data_only:
            return seen
        data = self.laid[step.lowers[-1]]
        behind = {path: data[path] for path in self.marked & seen.keys() & data.keys()}
        return altered(seen, behind, mtime=1)


@delegating(breaks="MERGE-OPTIONS")
class TellsMountersCredentialsApart(Kernel):
    """Shows marked directories with another time to who looks with credentials of his own."""

    def walked(self, at: str, seen: Tree) -> Tree:
        own = self.option(at, "nooverride_creds") is not None
        return altered(seen, self.marked, mtime=1) if own else seen


@delegating(breaks="MERGE-OPTIONS")
class AppendedLayersIgnoreMarks(Kernel):
    """Ignores marks in layers that are given one by one."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return self.view(at, delegate=False) if self.mounts[at].append else seen


@delegating(breaks="MERGE-OPTIONS")
class IndexOnDisksIgnoresMarks(Kernel):
    """Ignores marks where the index is on and the layers lie on a disk."""

    def walked(self, at: str, seen: Tree) -> Tree:
        both = self.option(at, "index") == "on" and self.job.backing != "tmpfs"
        return self.view(at, delegate=False) if both else seen


@delegating(breaks="MERGE-BACKING")
class IgnoresMarksInImages(Kernel):
    """Ignores marks in layers that are read from an image."""

    def walked(self, at: str, seen: Tree) -> Tree:
        images = {step.at for step in self.job.steps if isinstance(step, Freeze)} & set(
            self.mounts[at].lowers
        )
        if not images:
            return seen
        self.laid |= {name: without(self.laid[name], self.mark) for name in images}
        return self.view(at, delegate=True)


@delegating(breaks="MERGE-BACKING")
class ImagesHideXattrs(Kernel):
    """Shows no xattrs of marked directories where a layer is read from squashfs."""

    def walked(self, at: str, seen: Tree) -> Tree:
        squashed = any(isinstance(step, Freeze) and step.kind == "squashfs" for step in self.job.steps)
        return altered(seen, self.marked, xattrs=()) if squashed else seen


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


@delegating(breaks="MERGE-SWITCH")
class ShowsNoOption(Kernel):
    """Does not show the option among those of the mount."""

    def showed(self, options: list[str]) -> list[str]:
        return [each for each in options if not each.startswith("dirmeta_delegate")]


@delegating(breaks="MERGE-SWITCH")
class ShowsOnAlways(Kernel):
    """Shows the option as on whatever it is."""

    def showed(self, options: list[str]) -> list[str]:
        return [each.replace("dirmeta_delegate=off", "dirmeta_delegate=on") for each in options]


@delegating(breaks="MERGE-AGREE")
class DescriptorsShowTheTopmost(Kernel):
    """Has fstat answer with the topmost directory's metadata."""

    def agreed(self, at: str, seen: Rows) -> Rows:
        top = self.view(at, delegate=False)
        return {path: {**ways, "fstat": row(top[path])} for path, ways in seen.items()}
