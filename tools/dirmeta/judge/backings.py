"""MERGE-BACKING: one stack on every kind of file system, under mixes of mount options, pairwise."""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps
from dirmeta.judge.mixes import Mix, inside, mixes, under_each
from dirmeta.judge.variations import mounted_steps
from dirmeta.labs.images import PACKERS, Packer
from dirmeta.model import oracle, overlayfs
from dirmeta.model.mountoptions import NOT_GIVEN
from dirmeta.model.overlayfs import Namespace, Option
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Freeze, Job, Layout, Step
from dirmeta.rules.seen import Pairs


class Place(NamedTuple):
    """Where the layers of a mount lie.

    backing  the file system that they are written on
    frozen   the kind of image that every second one is read from, the lowest first; "" for none
    """

    backing: str
    frozen: str

    def __str__(self) -> str:
        return f"on {self.backing}, read from {self.frozen}" if self.frozen else f"on {self.backing}"


def on_backings(case: Case, conditions: Conditions) -> Plan[Pairs]:
    """Mount a stack plainly, and in every place under some mixes: the same view, as far as images hold it."""
    diffs = oracle.diff_directories(case)
    results = yield Job(mounted_steps(diffs, case, conditions), case.setup.backing)
    if failed := failure(results):
        return Pairs({}, failed)
    plain = inside(as_tree(results[-1]))
    pairs: dict[str, tuple[Tree, Tree]] = {}
    ways = places(case.setup.namespace, conditions.backings, conditions.frozen, frozenset(conditions.refused))
    for place, every in ways.items():
        laid = _laid_out([held(tree, place.frozen) for tree in diffs], place.frozen)
        views = yield from under_each(every, laid, place.backing, case, conditions)
        if views.failed:
            return Pairs({}, f"{place}: {views.failed}")
        want = held(plain, place.frozen)
        pairs |= {f"{place}, {mix}": (want, saw) for mix, saw in views.views.items()}
    return Pairs(pairs)


@cache
def places(
    namespace: Namespace, backings: tuple[str, ...], frozen: tuple[str, ...],
    refused: frozenset[tuple[Namespace, Option]],
) -> dict[Place, list[Mix]]:  # fmt: skip
    """The mixes to mount with in each place: file systems, images and options meet pairwise."""
    factors = (
        tuple(("backing", kind) for kind in backings),
        (("frozen", NOT_GIVEN), *(("frozen", kind) for kind in frozen)),
    )
    found: dict[Place, list[Mix]] = {}
    for row in mixes(namespace, refused, factors):
        mix = dict(row)
        place = Place(mix.pop("backing"), mix.pop("frozen", ""))
        found.setdefault(place, []).append(tuple(mix.items()))
    return found


def _laid_out(diffs: list[Tree], frozen: str) -> tuple[Step, ...]:
    freezes = [Freeze(f"l{number}", frozen) for number in range(1, len(diffs) + 1, 2) if frozen]
    return (*layout_steps(diffs), Layout("data", diffs[0]), *freezes)


def held(tree: Tree, frozen: str) -> Tree:
    """A tree as an image of that kind holds it: names, times and xattrs cut down to what it can."""
    if not frozen:
        return tree
    image = PACKERS[frozen]
    return {_path(path, image): _node(node, image) for path, node in tree.items()}


def _path(path: str, image: Packer) -> str:
    return "/".join(os.fsdecode(os.fsencode(name)[: image.name]) for name in path.split("/"))


def _node(node: Node, image: Packer) -> Node:
    least, greatest, granularity = image.mtime
    mtime = None if node.mtime is None else min(max(node.mtime, least), greatest) // granularity * granularity
    xattrs = tuple(pair for pair in node.xattrs if image.acls or pair[0] not in overlayfs.ACLS)
    return node._replace(mtime=mtime, xattrs=xattrs, link=_path(node.link, image))
