"""A lab without a kernel: mounts show what a model of overlayfs makes of the layers.

The suite tests itself with it: with the oracle's own model every check passes, with a seeded defect
the check that the defect is named for fails.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Final

from dirmeta.model import overlayfs, paths
from dirmeta.model.limits import Limits
from dirmeta.model.lookup import Merger
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Policies
from dirmeta.model.tree import Node, Tree, with_mode
from dirmeta.observe.steps import (
    Agree,
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
    Step,
    Unmount,
    Walk,
)

WAYS: Final = ("stat", "lstat", "fstat", "statx")


class ModelLab:
    """Lays out and mounts in memory. Knows the steps that need no running system.

    merger  the model of overlayfs; a subclass of `Merger` to break it
    """

    kernel = "model"
    claims_feature = True
    log_readable = True
    remark = ""

    def __init__(self, merger: type[Merger] = Merger, *, limits: Limits | None = None) -> None:
        self.merger = merger
        self.limits = limits or Limits()

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return [self._do(job) for job in jobs]

    def close(self) -> None:
        """Nothing is held."""

    def _do(self, job: Job) -> list[Result]:
        directories: dict[str, Tree] = {}
        uppers: dict[str, Mount] = {}
        results: list[Result] = []
        for step in job.steps:
            results.append(self._step(step, directories, uppers))
            if isinstance(results[-1], Failure):
                break
        return results

    def _step(self, step: Step, directories: dict[str, Tree], uppers: dict[str, Mount]) -> Result:
        if isinstance(step, Layout):
            directories[step.at] = dict(step.tree)
        elif isinstance(step, Mount):
            if step.upper:
                directories.setdefault(step.upper, {paths.ROOT: Node("directory")})
                uppers[step.at] = step
            directories[step.at] = self._mounted(step, directories)
        elif isinstance(step, Operate):
            return _operate(step, directories, uppers)
        elif isinstance(step, Unmount):
            del directories[step.at]
        elif isinstance(step, IdMap):
            directories[step.at] = _mapped(directories[step.source], step)
        elif isinstance(step, Freeze):
            return None  # an image holds what was there
        elif isinstance(step, Walk):
            return dict(directories[step.at])
        elif isinstance(step, Agree):
            return _asked(directories[step.at])
        elif isinstance(step, Log):
            return []
        else:
            return Failure(errno.ENOTSUP, f"the model can not do {type(step).__name__}")
        return None

    def _mounted(self, step: Mount, directories: dict[str, Tree]) -> Tree:
        merged = step.lowers[: len(step.lowers) - step.data_only]
        layers = (*reversed(merged), step.upper) if step.upper else merged[::-1]
        merger = self.merger(
            [directories[name] for name in layers],
            delegate=_delegates(step),
            namespace=_namespace(step),
            policies=Policies(),
            upper=bool(step.upper),
        )
        return merger.view().tree


def _namespace(step: Mount) -> Namespace:
    return "user" if ("userxattr", "") in step.options else "trusted"


def _delegates(step: Mount) -> bool:
    return ("dirmeta_delegate", "off") not in step.options


def _operate(step: Operate, directories: dict[str, Tree], uppers: dict[str, Mount]) -> Result:
    """Change what a mount shows, and have its upper hold that, with all directories above."""
    at, _, path = step.path.partition("/")
    if at not in uppers or path not in directories[at] or step.call not in _CHANGES:
        return Failure(errno.ENOTSUP, f"the model can not {step.call} {step.path}")
    mounted = uppers[at]
    shown, upper = directories[at], directories[mounted.upper]
    shown[path] = _CHANGES[step.call](shown[path], *step.args)._replace(link="")
    for copied in (path, *(up for up in paths.ancestors(path) if up not in upper)):
        upper[copied] = _stored(shown[copied], upper.get(copied), mounted)
    return Outcome(0)


_CHANGES: Final[dict[str, Callable[..., Node]]] = {
    "chmod": with_mode,
    "setxattr": lambda node, name, value: node._replace(
        xattrs=tuple(sorted({**dict(node.xattrs), name: value}.items()))
    ),
}


def _stored(node: Node, before: Node | None, mounted: Mount) -> Node:
    """A node as an upper holds it: what overlayfs kept for itself there stays, but for a mark that it heeds,
    and xattrs that would else be its own are escaped."""
    prefix = overlayfs.PREFIX[_namespace(mounted)]
    escaped = f"{prefix}overlay."
    heeded = {overlayfs.mark_name(_namespace(mounted))} if _delegates(mounted) else set()
    kept = {
        name: value
        for name, value in (before.xattrs if before else ())
        if name.startswith(prefix) and not name.startswith(escaped) and name not in heeded
    }
    own = {name.replace(prefix, escaped, 1): value for name, value in node.xattrs}
    return node._replace(xattrs=tuple(sorted((own | kept).items())))


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
