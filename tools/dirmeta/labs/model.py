"""A lab without a kernel: mounts show what a model of overlayfs makes of the layers.

The suite tests itself with it: with the oracle's own model every check passes, with a seeded defect
the check that the defect is named for fails.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final

from dirmeta.model.limits import Limits
from dirmeta.model.lookup import Merger
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Policies
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Agree, Failure, IdMap, Job, Layout, Log, Mount, Result, Step, Unmount, Walk

WAYS: Final = ("stat", "lstat", "fstat", "statx")


class ModelLab:
    """Lays out and mounts in memory. Knows the steps that need no running system.

    merger  the model of overlayfs; a subclass of `Merger` to break it
    """

    kernel = "model"
    claims_feature = True
    log_readable = True

    def __init__(self, merger: type[Merger] = Merger, *, limits: Limits | None = None) -> None:
        self.merger = merger
        self.limits = limits or Limits()

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return [self._do(job) for job in jobs]

    def close(self) -> None:
        """Nothing is held."""

    def _do(self, job: Job) -> list[Result]:
        directories: dict[str, Tree] = {}
        results: list[Result] = []
        for step in job.steps:
            results.append(self._step(step, directories))
            if isinstance(results[-1], Failure):
                break
        return results

    def _step(self, step: Step, directories: dict[str, Tree]) -> Result:
        if isinstance(step, Layout):
            directories[step.at] = step.tree
        elif isinstance(step, Mount):
            directories[step.at] = self._mounted(step, directories)
        elif isinstance(step, Unmount):
            del directories[step.at]
        elif isinstance(step, IdMap):
            directories[step.at] = _mapped(directories[step.source], step)
        elif isinstance(step, Walk):
            return directories[step.at]
        elif isinstance(step, Agree):
            return _asked(directories[step.at])
        elif isinstance(step, Log):
            return []
        else:
            return Failure(errno.ENOTSUP, f"the model can not do {type(step).__name__}")
        return None

    def _mounted(self, step: Mount, directories: dict[str, Tree]) -> Tree:
        options = dict(step.options)
        namespace: Namespace = "user" if "userxattr" in options else "trusted"
        lowers = step.lowers[: len(step.lowers) - step.data_only]
        merger = self.merger(
            [directories[name] for name in reversed(lowers)],
            delegate=options.get("dirmeta_delegate") != "off",
            namespace=namespace,
            policies=Policies(),
        )
        return merger.view().tree


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
