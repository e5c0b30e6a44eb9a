"""Kernels that forget when they mount again, or mount an upper as a lower layer."""

from __future__ import annotations

import errno
from typing import Any

from dirmeta.model.lookup import Merger
from dirmeta.model.tree import Tree
from dirmeta.model.view import Place
from dirmeta.observe.steps import Operate, Outcome

from . import Collection
from .lying import Kernel, altered, is_directory

remounting = Collection()


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
