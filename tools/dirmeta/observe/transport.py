"""Jobs and results as they travel between processes: trees in built-in types, which pickle faster."""

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
    return list(map(_flat_step, job.steps)), job.backing


def _flat_step(step: Step) -> Step | FlatLayout:
    return FlatLayout(step.at, flat(step.tree)) if isinstance(step, Layout) else step


def job(flat: FlatJob) -> Job:
    steps, backing = flat
    return Job(tuple(map(_step, steps)), backing)


def _step(flat: Step | FlatLayout) -> Step:
    return Layout(flat.at, tree(flat.tree)) if isinstance(flat, FlatLayout) else flat


def flat_results(job: Job, results: Sequence[Result]) -> list[FlatResult]:
    """The results of a job; fewer than it has steps where one failed."""
    return [
        flat(result) if isinstance(step, Walk) and isinstance(result, dict) else result  # type: ignore[arg-type]
        for step, result in zip(job.steps, results, strict=False)
    ]


def results(flat: Sequence[FlatResult]) -> list[Result]:
    return [tree(each) if isinstance(each, Flat) else each for each in flat]
