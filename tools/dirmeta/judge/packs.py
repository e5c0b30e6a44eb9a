"""Several cases in one experiment, and each case's share of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dirmeta.generate import packing
from dirmeta.model import paths
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.seen import (
    Behaviour,
    Behaviours,
    Guarantees,
    Kept,
    LayerSeen,
    Looks,
    Pairs,
    Sights,
    StackSeen,
    Switched,
    Twice,
    Views,
)

ROOT: Final = Node("directory")


def split(seen: Any, cases: int, layers: Sequence[int]) -> list[Any]:
    """One record a case, from the record of a packed experiment.

    layers: how many layers each case has; a pack has as many as its tallest case.
    """
    if isinstance(seen, StackSeen):
        return _stacks(seen, cases, layers)
    if isinstance(seen, Sights):
        stacks = _layers(seen.layers, cases, layers)
        shown = {label: _split(tree, cases) for label, tree in seen.views.items()}
        return [
            seen._replace(layers=stacks[n], views={label: trees[n] for label, trees in shown.items()})
            for n in range(cases)
        ]
    if isinstance(seen, Twice):
        both = [_layers(each, cases, layers) for each in seen]
        return [Twice(*pair) for pair in zip(*both, strict=True)]
    if isinstance(seen, Views):
        views = {label: _split(tree, cases) for label, tree in seen.views.items()}
        return [Views({label: trees[n] for label, trees in views.items()}, seen.failed) for n in range(cases)]
    if isinstance(seen, Pairs):
        parts = {label: [_split(tree, cases) for tree in pair] for label, pair in seen.pairs.items()}
        return [
            Pairs({label: (want[n], saw[n]) for label, (want, saw) in parts.items()}, seen.failed)
            for n in range(cases)
        ]
    if isinstance(seen, Looks):
        return [Looks(rows, seen.failed) for rows in _by_case(seen.rows, cases)]
    if isinstance(seen, Guarantees):
        pairs = zip(_by_case(seen.marked, cases), _by_case(seen.unmarked, cases), strict=True)
        return [Guarantees(*pair, seen.failed) for pair in pairs]
    if isinstance(seen, Behaviours):
        ways = (_behaviours(seen.first, cases), _behaviours(seen.second, cases))
        return [Behaviours(*each, seen.names) for each in zip(*ways, strict=True)]
    if isinstance(seen, Kept):
        trees = (_split(seen.merged, cases), _split(seen.upper, cases))
        kept = (*trees, _by_case(seen.asked, cases), _by_case(seen.listed, cases))
        return [Kept(*part, seen.failed) for part in zip(*kept, strict=True)]
    if isinstance(seen, Switched):
        diffs = [_split(tree, cases) for tree in seen.diffs]
        on, off = _split(seen.on, cases), _split(seen.off, cases)
        told = (seen.refused, seen.shown)
        return [Switched(tuple(d[n] for d in diffs), on[n], off[n], *told) for n in range(cases)]
    raise TypeError(f"{type(seen).__name__} can not be split")


def _behaviours(seen: Behaviour, cases: int) -> list[Behaviour]:
    trees = {moment: _split(tree, cases) for moment, tree in seen.trees.items()}
    rows = zip(_by_case(seen.answers, cases), _by_case(seen.facts, cases), strict=True)
    return [
        Behaviour({moment: parts[n] for moment, parts in trees.items()}, answers, facts, seen.failed)
        for n, (answers, facts) in enumerate(rows)
    ]


def _stacks(seen: StackSeen, cases: int, layers: Sequence[int]) -> list[StackSeen]:
    stacks = _layers(seen.layers, cases, layers)
    merged: Sequence[Tree | None] = [None] * cases
    if seen.merged is not None:
        merged = _split(seen.merged, cases)
    return [StackSeen(stacks[n], merged[n], seen.failed, seen.noise) for n in range(cases)]


def _layers(seen: Sequence[LayerSeen], cases: int, layers: Sequence[int]) -> list[tuple[LayerSeen, ...]]:
    trees = [_split(layer.tree, cases) for layer in seen]
    return [
        tuple(LayerSeen(trees[i][n], seen[i].refused, seen[i].trouble) for i in range(count))
        for n, count in zip(range(cases), layers, strict=True)
    ]


def _split(tree: Tree, cases: int) -> list[Tree]:
    """Each case's part of a tree, with a root again; what packs have of the root is nobody's."""
    parts = packing.split(tree, cases)
    for part in parts:
        part[paths.ROOT] = ROOT
    return parts


def _by_case(rows: dict[str, Any], cases: int) -> list[dict[str, Any]]:
    """A mapping by path, split like a tree."""
    parts: list[dict[str, Any]] = [{} for _ in range(cases)]
    prefixes = {packing.prefix(n): n for n in range(cases)}
    for path, row in rows.items():
        top, _, rest = path.partition("/")
        if top in prefixes and rest:
            parts[prefixes[top]][rest] = row
    return parts
