"""Mounts that part from what else is made of the same layers, and a lab that unpacks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dirmeta.labs.model import ModelLab
from dirmeta.model import oracle
from dirmeta.model.lookup import Merger
from dirmeta.model.oracle import Place
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Job, Layout, Operate, Outcome, Result, Step, Unpack, Unpacked
from dirmeta.streams import tar

from . import Collection, mounts

parity = Collection()


@parity(breaks="PARITY-DRIVERS")
class IgnoresMarks(mounts.IgnoresMarks):
    """Heeds no mark, as a kernel without the feature."""


@parity(breaks="PARITY-DRIVERS")
class StaleTime(mounts.StaleTime):
    """Leaves the mtime of the topmost directory."""


@parity(breaks="PARITY-BOOTC")
class TimeOfThePayload(mounts.StaleTime):
    """Shows when the payload was unpacked."""


@parity(breaks="PARITY-REUSE")
class ShowsThePayload(mounts.IgnoresMarks):
    """Shows the payload's own directory, whatever it is put over."""


@parity(breaks="PARITY-CHUNKAH")
class PrefersTheBase(Merger):
    """Takes the lowest directory wherever the feature is on, marked or not."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        return places[-1] if self.delegate else super().choose(path, places)


@parity(breaks="PARITY-OPAQUE")
class LooksThroughOpaque(mounts.LooksThroughOpaque):
    """Goes on behind an opaque directory that is marked."""


class UnpackingLab(ModelLab):
    """The model of a kernel, with the oracle for an unpacker."""

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return [list(_told(job, super(UnpackingLab, self).run([_laid(job)])[0])) for job in jobs]


def _laid(job: Job) -> Job:
    """The job with layouts in the place of unpacks, and times in them in the place of calls that set any."""
    trees = {step.at: _tree(step) for step in job.steps if isinstance(step, Unpack)}
    for step in job.steps:
        if isinstance(step, Operate):
            at, _, path = step.path.partition("/")
            trees[at][path] = trees[at][path]._replace(mtime=int(step.args[1]))
    return Job(tuple(_step(step, trees) for step in job.steps if not isinstance(step, Operate)), job.backing)


def _step(step: Step, trees: dict[str, Tree]) -> Step:
    return Layout(step.at, trees[step.at]) if isinstance(step, Unpack) else step


def _tree(step: Unpack) -> Tree:
    return oracle.diff_directory(tar.decode(step.layer), namespace=step.namespace, delegate=step.delegate)


def _told(job: Job, results: Sequence[Result]) -> Iterator[Result]:
    """What the steps that were asked for come to."""
    left = iter(results)
    for step in job.steps:
        if isinstance(step, Operate):
            yield Outcome(0)
        else:
            result = next(left)
            yield Unpacked(0) if isinstance(step, Unpack) else result
