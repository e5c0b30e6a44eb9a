"""A lab that tells of its kernel what is not so: what miniatures of running systems are made with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from dirmeta.labs.base import Lab
from dirmeta.model import oracle, overlayfs
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import (
    Agree,
    Failure,
    Identify,
    Identity,
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

Rows = dict[str, dict[str, tuple[int, int, int, int]]]


class Kernel:
    """One job, told as it was; a miniature overrides one of the answers.

    laid     directory → what was laid out there
    mounts   mount point → how it was mounted last
    changed  paths, relative to the scratch directory, that were chmodded through a mount
    again    whether a mount was taken away before
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.laid: dict[str, Tree] = {}
        self.mounts: dict[str, Mount] = {}
        self.changed: set[str] = set()
        self.again = False

    def mounted(self, step: Mount) -> Failure | None:
        return None

    def walked(self, at: str, seen: Tree) -> Tree:
        return seen

    def on_disk(self, at: str, seen: Tree) -> Tree:
        return seen

    def showed(self, options: list[str]) -> list[str]:
        return options

    def agreed(self, at: str, seen: Rows) -> Rows:
        return seen

    def identified(self, seen: dict[str, Identity]) -> dict[str, Identity]:
        return seen

    def operated(self, step: Operate, said: Outcome) -> Outcome:
        return said

    def logged(self, lines: list[str]) -> list[str]:
        return lines

    def answer(self, step: Step, said: Result) -> Result:
        """What is told of a step, given what was so."""
        if isinstance(said, Failure):
            return said
        known: Any = said
        match step:
            case Layout():
                self.laid[step.at] = step.tree
            case Unmount():
                self.again = True
            case Mount():
                self.mounts[step.at] = step
                return self.mounted(step)
            case Walk():
                return (self.walked if step.at in self.mounts else self.on_disk)(step.at, known)
            case ShowOptions():
                return self.showed(known)
            case Agree():
                return self.agreed(step.at, known)
            case Identify():
                return self.identified(known)
            case Operate():
                self.changed |= {step.path} if step.call == "chmod" else set()
                return self.operated(step, known)
            case Log():
                return self.logged(known or [])
        return said

    def option(self, at: str, name: str) -> str | None:
        """The value of an option that `at` was mounted with, None where it was not given."""
        return dict(self.mounts[at].options).get(name) if at in self.mounts else None

    def namespace(self, at: str) -> Namespace:
        """Which marks the mount on `at` reads."""
        return "user" if self.option(at, "userxattr") is not None else "trusted"

    @property
    def mark(self) -> str:
        """The name that marks have for the mounts of this job."""
        return overlayfs.mark_name(self.namespace(next(iter(self.mounts), "")))

    @property
    def other_mark(self) -> str:
        """The name that marks have for mounts which read the other namespace."""
        first = self.namespace(next(iter(self.mounts), ""))
        return overlayfs.mark_name(overlayfs.OTHER[first])

    @property
    def marked(self) -> set[str]:
        """Paths of directories that some layer marks for the mounts of this job."""
        return {
            path
            for tree in self.laid.values()
            for path, node in tree.items()
            if path and node.kind == "directory" and node.xattr(self.mark) == overlayfs.YES
        }

    def view(self, at: str, *, delegate: bool) -> Tree:
        """What a mount of laid-out directories would show with the feature, and without."""
        step = self.mounts[at]
        lowers = step.lowers[: len(step.lowers) - step.data_only]
        diffs = [
            self.laid[name] if name in self.laid else self.view(name, delegate=delegate)
            for name in reversed(lowers)
        ]
        return oracle.merge(diffs, delegate=delegate, namespace=self.namespace(at)).tree


class LyingLab:
    """A lab, whose results are told by a `Kernel`."""

    log_readable = True
    remark = ""

    def __init__(self, lab: Lab, teller: type[Kernel] = Kernel) -> None:
        self.kernel = lab.kernel
        self.claims_feature = lab.claims_feature
        self.limits: Limits = lab.limits
        self._lab = lab
        self._teller = teller

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return [self._told(job, results) for job, results in zip(jobs, self._lab.run(jobs), strict=True)]

    def _told(self, job: Job, results: Iterable[Result]) -> list[Result]:
        teller = self._teller(job)
        told: list[Result] = []
        for step, result in zip(job.steps, results, strict=False):  # a failure is the last result
            told.append(teller.answer(step, result))
            if isinstance(told[-1], Failure):
                break
        return told

    def close(self) -> None:
        """The lab is its owner's to close."""


def altered(tree: Tree, paths: Iterable[str], **changes: Any) -> Tree:
    """`tree` with its directories at these paths changed."""
    return {
        **tree,
        **{path: tree[path]._replace(**changes) for path in paths if is_directory(tree.get(path))},
    }


def listing(tree: Tree, paths: Iterable[str], mark: str) -> Tree:
    """`tree` with a mark listed at these paths."""
    found = {path: tree[path] for path in paths if is_directory(tree.get(path))}
    marked = {
        path: node._replace(xattrs=tuple(sorted({**dict(node.xattrs), mark: overlayfs.YES}.items())))
        for path, node in found.items()
    }
    return {**tree, **marked}


def without(tree: Tree, name: str) -> Tree:
    """`tree` without the xattr of that name."""
    return {
        path: node._replace(xattrs=tuple(pair for pair in node.xattrs if pair[0] != name))
        for path, node in tree.items()
    }


def renaming(tree: Tree, name: str, to: str) -> Tree:
    """`tree` with an xattr under another name."""
    return {
        path: node._replace(xattrs=tuple((to if key == name else key, value) for key, value in node.xattrs))
        for path, node in tree.items()
    }


def is_directory(node: Node | None) -> bool:
    return node is not None and node.kind == "directory"


def row(node: Node) -> tuple[int, int, int, int]:
    """How `Agree` tells of a directory."""
    return node.mode, node.uid, node.gid, cast(int, node.mtime)
