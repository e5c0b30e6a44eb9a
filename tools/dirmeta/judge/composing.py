"""Asking an engine for the root file systems of cases, as few images as will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dirmeta.generate.packing import joined, split
from dirmeta.judge.corpus import Named
from dirmeta.model.entries import Entry
from dirmeta.model.stack import Layer, Stack
from dirmeta.model.tree import Tree
from dirmeta.subjects.engines.base import Composed, EngineError
from dirmeta.subjects.engines.world import World

SMOKE: Final[Stack] = (Layer((Entry("d/", "directory", 0o755), Entry("d/f", "file", content=b"smoke\n"))),)


def composed(world: World, cases: Sequence[Named]) -> dict[str, Composed]:
    """Name → what came of the case. Those of as many layers share an image: a further layer may change what
    lies below it. Where an image is refused, its cases are asked in two halves, and so on. A case that can
    share none has one of its own.

    Raises EngineError where the engine does not even do one file in one directory.
    """
    found: dict[str, Composed] = {}
    shared = [each for each in cases if each.is_shared]
    for height in sorted({len(each.case.stack) for each in shared}):
        alike = [each for each in shared if len(each.case.stack) == height]
        found.update(zip((each.name for each in alike), _packed(world, alike), strict=True))
    for each in cases:
        if each.name not in found:
            found[each.name] = _alone(world, each.case.stack)
    if all(seen.tree is None for seen in found.values()):
        _smoke(world)
    return found


def _packed(world: World, cases: Sequence[Named]) -> list[Composed]:
    seen = world.compose(joined([each.case for each in cases]).stack)
    if seen.tree is not None:
        return _split(seen, seen.tree, len(cases))
    if len(cases) == 1:
        return [_alone(world, cases[0].case.stack)]
    half = len(cases) // 2
    return _packed(world, cases[:half]) + _packed(world, cases[half:])


def _alone(world: World, stack: Stack) -> Composed:
    """What came of one case; of one that is refused, with the diff directories below the lowest layer that
    it is refused with."""
    seen = world.compose(stack)
    below: tuple[Tree, ...] = ()
    for number in range(1, len(stack) if seen.tree is None else 0):
        lower = world.compose(stack[:number])
        if lower.tree is None:
            break
        below = lower.layers
    return seen._replace(layers=below) if seen.tree is None else seen


def _split(seen: Composed, tree: Tree, count: int) -> list[Composed]:
    """What an image shows of each of its cases."""
    layers = [split(layer, count) for layer in seen.layers]
    return [
        seen._replace(tree=part, layers=tuple(layer[number] for layer in layers))
        for number, part in enumerate(split(tree, count))
    ]


def _smoke(world: World) -> None:
    seen = world.compose(SMOKE)
    if seen.tree is None:
        raise EngineError(f"fails the smoke check: {seen.refused}")
    if "d/f" not in seen.tree or seen.tree["d/f"].content != b"smoke\n":
        raise EngineError("fails the smoke check: asked for d/ and d/f, and d/f is not there as it was")
