"""A lab without a kernel: mounts show what a model of overlayfs makes of the layers.

The suite tests itself with it: with the oracle's own model every check passes, with a seeded defect
the check that the defect is named for fails.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final

from dirmeta.model import acl, overlayfs, paths, program, rehearsal, spelling
from dirmeta.model.limits import Limits
from dirmeta.model.lookup import Merger
from dirmeta.model.mounted import How, Mounted
from dirmeta.model.mountoptions import words
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.rehearsal import State
from dirmeta.model.room import OVERLAYS_OWN, inodes
from dirmeta.model.semantics import Policies
from dirmeta.model.stack import Operation
from dirmeta.model.tree import Node, Tree
from dirmeta.model.writer import Writer
from dirmeta.observe.steps import (
    Agree,
    Cramp,
    Failure,
    Freeze,
    IdMap,
    Job,
    Layout,
    Log,
    Mount,
    Operate,
    Outcome,
    Result,
    ShowOptions,
    Step,
    Unmount,
    Walk,
)

_CLOCK: Final = 1_790_000_000 * 1_000_000_000
"""The time of its first change, in ns."""
WAYS: Final = ("stat", "lstat", "fstat", "statx")


class ModelLab:
    """Lays out and mounts in memory. Knows the steps that need no running system.

    merger  the model of look-ups; a subclass of `Merger` to break it
    writer  the model of writing; a subclass of `Writer` to break it
    delegate whether it has the feature
    """

    kernel = "model"
    log_readable = True
    remark = ""

    def __init__(
        self,
        merger: type[Merger] = Merger,
        *,
        writer: type[Writer] = Writer,
        limits: Limits | None = None,
        delegate: bool = True,
    ) -> None:
        self.claims_feature = delegate
        self.writer = writer
        self.merger = merger
        self.limits = limits or Limits()

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return [self._do(job) for job in jobs]

    def close(self) -> None:
        """Nothing is held."""

    def _do(self, job: Job) -> list[Result]:
        scratch = _Scratch(self)
        results: list[Result] = []
        for step in job.steps:
            results.append(scratch.do(step))
            if isinstance(results[-1], Failure):
                break
        return results


class _Scratch:
    """The directories of one job, and what is mounted with an upper among them."""

    def __init__(self, lab: ModelLab) -> None:
        self._lab = lab
        self._directories: dict[str, Tree] = {}
        self._mounts: dict[str, tuple[Mount, State]] = {}
        self._options: dict[str, tuple[str, ...]] = {}
        self._rooms: dict[str, int] = {}
        self._clock = _CLOCK

    def do(self, step: Step) -> Result:
        if isinstance(step, Layout):
            self._directories[step.at] = dict(step.tree)
        elif isinstance(step, Mount):
            self._mount(step)
        elif isinstance(step, Operate):
            return self._operate(step)
        elif isinstance(step, Unmount):
            self._mounts.pop(step.at, None)
            self._directories.pop(step.at, None)
        elif isinstance(step, IdMap):
            self._directories[step.at] = _mapped(self._directories[step.source], step)
        elif isinstance(step, Freeze):
            return None  # an image holds what was there
        elif isinstance(step, Cramp):
            self._rooms[step.at] = step.inodes
        elif isinstance(step, Walk):
            return dict(self._tree(step.at))
        elif isinstance(step, Agree):
            return _asked(self._tree(step.at))
        elif isinstance(step, ShowOptions):
            return list(self._options[step.at])
        elif isinstance(step, Log):
            return []
        else:
            return Failure(errno.ENOTSUP, f"the model can not do {type(step).__name__}")
        return None

    def _tree(self, at: str) -> Tree:
        if at in self._mounts:
            return self._mounts[at][1].mounted.view.tree
        return self._directories[at]

    def _mount(self, step: Mount) -> None:
        self._options[step.at] = tuple(map(words, step.options))
        lowers = tuple(self._tree(name) for name in step.lowers[: len(step.lowers) - step.data_only][::-1])
        how = _how(step, self._lab.claims_feature)
        if step.upper:
            upper = self._directories.setdefault(step.upper, {paths.ROOT: Node("directory")})
            mounted = Mounted(lowers, upper, how, self._lab.merger)
            self._mounts[step.at] = step, State(mounted, read_only=("ro", "") in step.options)
            return
        merger = self._lab.merger(
            lowers, delegate=how.delegate, namespace=how.namespace, policies=how.policies
        )
        self._directories[step.at] = merger.view().tree

    def _operate(self, step: Operate) -> Result:
        """Change what a mount shows, by changing its upper."""
        if step.call == "drop-caches":
            return Outcome(0)
        at = step.path.partition("/")[0] or next(iter(self._mounts), "")
        if at not in self._mounts:
            return Failure(errno.ENOTSUP, f"the model can not {step.call} {step.path}")
        mount, state = self._mounts[at]
        if step.call == "fstat":
            return _stated(state, step)
        operation = operation_of(step)
        if operation is None:
            return Failure(errno.ENOTSUP, f"the model can not {step.call} {step.path}")
        answer = rehearsal.expected(state, operation, self._lab.writer)
        if state.read_only and operation.op in program.CHANGES:
            return Outcome(answer.number or errno.EROFS)
        if not answer.number and self._is_full(mount, answer.upper):
            return Outcome(errno.ENOSPC)
        done = answer.number == 0
        upper = self._timed(answer.upper)
        state = rehearsal.called(state, operation, upper, done)
        self._mounts[at] = mount, state
        self._directories[mount.upper] = state.mounted.upper
        return Outcome(answer.number or 0)

    def _is_full(self, mount: Mount, upper: Tree) -> bool:
        """Whether an upper has become more than its file system holds."""
        room = self._rooms.get(mount.upper.partition("/")[0])
        return room is not None and inodes(upper) + OVERLAYS_OWN > room

    def _timed(self, tree: Tree) -> Tree:
        self._clock += 1
        return {
            path: node._replace(mtime=self._clock) if node.mtime is None else node
            for path, node in tree.items()
        }


def _how(step: Mount, has_feature: bool) -> How:
    namespace: Namespace = "user" if ("userxattr", "") in step.options else "trusted"
    delegate = has_feature and ("dirmeta_delegate", "off") not in step.options
    return How(delegate, namespace, Policies(), options=frozenset(step.options))


def _stated(state: State, step: Operate) -> Outcome:
    path = state.held.get((step.by, int(step.args[0])))
    node = None if path is None else state.mounted.shows(path)
    if node is None:
        return Outcome(errno.EBADF)
    return Outcome(0, tuple(map(str, (node.mode, node.uid, node.gid, node.mtime))))


def operation_of(step: Operate) -> Operation | None:
    """The operation of a program that a step does, None where there is none."""
    kind = program.OPERATIONS.get(step.call)
    if kind is None:
        return None
    values = list(step.args)
    if step.call == "utimens":
        values = values[1:]
    if step.call == "setxattr" and values[0] in overlayfs.ACLS:
        return _setting_acl(step)
    names = [name for name, _ in (*kind.arguments, *kind.optional) if name != "path"]
    given: dict[str, str | int] = {}
    if any(name == "path" for name, _ in kind.arguments):
        given["path"] = _inside(step.path)
    for name, value in zip(names, values, strict=False):
        if value == -1:
            continue
        text = spelling.to_text(value) if isinstance(value, bytes) else value
        given[name] = _inside(str(text)) if name == "to" else text
    return Operation(step.call, tuple(given.items()), step.by)


def _setting_acl(step: Operate) -> Operation:
    name, value = step.args
    assert isinstance(value, bytes)
    which = "default" if name == overlayfs.ACL_DEFAULT else "access"
    args = (("path", _inside(step.path)), ("acl", acl.text(value)), ("type", which))
    return Operation("setacl", args, step.by)


def _inside(path: str) -> str:
    return path.partition("/")[2]


def _mapped(tree: Tree, step: IdMap) -> Tree:
    return {
        path: node
        if node.is_whiteout
        else node._replace(uid=node.uid + step.first, gid=node.gid + step.first)
        for path, node in tree.items()
    }


def _asked(tree: Tree) -> dict[str, dict[str, tuple[int, int, int, int]]]:
    return {
        path: dict.fromkeys(WAYS, (node.mode, node.uid, node.gid, node.mtime or 0))
        for path, node in tree.items()
        if node.kind == "directory"
    }
