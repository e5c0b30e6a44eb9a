"""Jobs and results as they travel between processes: trees in built-in types, which pickle three times faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Job, Layout, Result, Step, Walk


class Flat(NamedTuple):
    """A tree: its paths, and the fields of the node at each."""

    paths: list[str]
    nodes: list[tuple[Any, ...]]


class FlatLayout(NamedTuple):
    """A `Layout` with a flat tree."""

    at: str
    tree: Flat


FlatJob = tuple[list[Step | FlatLayout], str]
FlatResult = Result | Flat


def flat(tree: Tree) -> Flat:
    return Flat(list(tree), list(map(tuple, tree.values())))


def tree(flat: Flat) -> Tree:
    return dict(zip(flat.paths, map(Node._make, flat.nodes), strict=True))


def flat_job(job: Job) -> FlatJob:
    steps = [FlatLayout(each.at, flat(each.tree)) if isinstance(each, Layout) else each for each in job.steps]
    return steps, job.backing


def job(flat: FlatJob) -> Job:
    steps, backing = flat
    return Job(
        tuple(Layout(each.at, tree(each.tree)) if isinstance(each, FlatLayout) else each for each in steps),
        backing,
    )


def flat_results(job: Job, results: Sequence[Result]) -> list[FlatResult]:
    """The results of a job; fewer than it has steps where one failed."""
    return [
        flat(result) if isinstance(step, Walk) and isinstance(result, dict) else result  # type: ignore[arg-type]
        for step, result in zip(job.steps, results, strict=False)
    ]


def results(flat: Sequence[FlatResult]) -> list[Result]:
    return [tree(each) if isinstance(each, Flat) else each for each in flat]
