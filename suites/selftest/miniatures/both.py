"""Kernels that are wrong in being switched: in what goes without marks, and in directories that change hands.

`unmarked` are over the host's kernel, which is told to take the option: what it does without marks is right
both ways. `moves` are over the model of a kernel with the feature.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dirmeta.labs.base import Lab
from dirmeta.model.lookup import Merger
from dirmeta.model.oracle import Place
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Failure, Identity, Job, Mount, Operate, Outcome, Result

from . import Collection
from .lying import Kernel, is_directory, listing, without

unmarked = Collection()
moves = Collection()

OPTION = "dirmeta_delegate"


class Pretending:
    """A lab whose kernel takes the option, and does nothing about it."""

    claims_feature = True

    def __init__(self, lab: Lab) -> None:
        self.kernel = lab.kernel
        self.log_readable = lab.log_readable
        self.remark = lab.remark
        self.limits = lab.limits
        self._lab = lab

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return self._lab.run([replace(job, steps=tuple(map(_without_option, job.steps))) for job in jobs])

    def close(self) -> None:
        """The lab is its owner's to close."""


def _without_option(step: Any) -> Any:
    if not isinstance(step, Mount):
        return step
    return step._replace(options=tuple(option for option in step.options if option[0] != OPTION))


class Switched(Kernel):
    """A kernel that tells whether the feature is on."""

    @property
    def on(self) -> bool:
        return self.option("m", OPTION) == "on"


@unmarked(breaks="COMPAT-UNMARKED")
class ShowsSecondsOnly(Switched):
    """Shows whole seconds of directories once the feature is on."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return {
            path: node._replace(mtime=node.mtime // 10**9 * 10**9)
            if self.on and path and is_directory(node) and node.mtime is not None
            else node
            for path, node in seen.items()
        }


@unmarked(breaks="COMPAT-UNMARKED")
class MountsNothingUnmarked(Switched):
    """Refuses to mount with the feature on what has no mark."""

    def mounted(self, step: Mount) -> Failure | None:
        return Failure(errno.EINVAL, "Invalid argument: m") if self.on and not self.marked else None


@unmarked(breaks="COMPAT-UNMARKED")
class AnswersOtherwise(Switched):
    """Has another errno for a rename across layers once the feature is on."""

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        return Outcome(errno.EPERM) if self.on and said.errno == errno.EXDEV else said


@unmarked(breaks="COMPAT-UNMARKED")
class LeavesATrace(Switched):
    """Notes in the upper that the feature was on when a directory was copied up."""

    def on_disk(self, at: str, seen: Tree) -> Tree:
        note = "user.overlay.dirmeta"
        return listing(seen, [path for path in seen if path], note) if self.on else seen


@unmarked(breaks="COMPAT-UNMARKED")
class RenumbersOnCopyUp(Switched):
    """Gives a directory another number once it is copied up with the feature on."""

    def identified(self, seen: dict[str, Identity]) -> dict[str, Identity]:
        moved = (bool(self.changed) and self.on) << 20
        return {
            path: true._replace(d_ino=true.d_ino + moved, st_ino=true.st_ino + moved)
            if f"m/{path}" in self.changed
            else true
            for path, true in seen.items()
        }


@unmarked(breaks="COMPAT-UNMARKED")
class ChmodSetsTheTime(Switched):
    """Has a chmod of a directory set its time to now once the feature is on."""

    def walked(self, at: str, seen: Tree) -> Tree:
        now = 1_700_000_000_987_654_321
        return {
            path: node._replace(mtime=now) if self.on and f"m/{path}" in self.changed else node
            for path, node in seen.items()
        }


class Model:
    """A model of overlayfs, and how its kernel tells of it."""

    merger: type[Merger] = Merger
    kernel: type[Kernel] = Kernel


class _DelegatesWhereItWrites(Merger):
    def __init__(self, diffs: Sequence[Mapping[str, Node]], *, delegate: bool, upper: bool, **how: Any):
        super().__init__(diffs, delegate=delegate or upper, upper=upper, **how)


@moves(breaks="COMPAT-MOVE")
class OffIsForReadersOnly(Model):
    """Delegates though off in mounts that have an upper."""

    merger = _DelegatesWhereItWrites


class _DeadInUppers(Merger):
    def is_marked(self, place: Place) -> bool:
        return bool(place.layer) and super().is_marked(place)


@moves(breaks="COMPAT-MOVE")
class UppersDoNotDelegate(Model):
    """Heeds no mark in an upper, so a chmod made while it was off stays to be seen."""

    merger = _DeadInUppers


class _Marking(Switched):
    def on_disk(self, at: str, seen: Tree) -> Tree:
        changed = [path for path in seen if f"m/{path}" in self.changed]
        return seen if self.on else listing(seen, changed, self.mark)


@moves(breaks="COMPAT-MOVE")
class CopiesTheMarkUpWhileOff(Model):
    """Marks what it copies up while it is off."""

    kernel = _Marking


class _Unmarking(Switched):
    def on_disk(self, at: str, seen: Tree) -> Tree:
        return seen if self.on else without(seen, self.mark)


@moves(breaks="COMPAT-MOVE")
class CleansUppersWhileOff(Model):
    """Takes the marks from an upper that it mounts while it is off."""

    kernel = _Unmarking


class _Timing(Switched):
    def walked(self, at: str, seen: Tree) -> Tree:
        touched = [path for path in self.marked & seen.keys() if f"m/{path}" in self.changed]
        return {**seen, **{path: seen[path]._replace(mtime=1) for path in touched if not self.on}}


@moves(breaks="COMPAT-MOVE")
class OldCopyUpsLoseTheTime(Model):
    """Copies a marked directory up without its time while it is off."""

    kernel = _Timing
