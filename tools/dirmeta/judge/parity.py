"""PARITY experiments: layers that a subject unpacks, mounted, beside what else is made of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import strategies
from dirmeta.generate.parity import plainer
from dirmeta.judge import engines
from dirmeta.judge.draw import Batch, Draws
from dirmeta.judge.experiments import (
    Composing,
    Conditions,
    Plan,
    as_tree,
    failure,
    layers_seen,
    mount,
    stack_seen,
    unpack_steps,
    unpacked_and_mounted,
)
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Job, Mount, Operate, Result, Step, Unmount, Walk
from dirmeta.rules.parity import OFF, ON, alone_label, over_label
from dirmeta.rules.seen import APPLIED, MERGED, Sights
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.subjects.engines.base import Composed

STAMP: Final = 1_500_000_000 * 1_000_000_000
"""The time, in ns, of directories that only lend their names."""
Change = Callable[[Case, Limits], Case]


def drawn(change: Change, *, times: tuple[int, int] | None = None) -> Draws:
    """Batches of well-formed cases, each changed, within what can be done here and in the lab.

    times  the least and the greatest mtime, in ns; None for those of the lab
    """

    def draws(limits: Limits, count: int) -> SearchStrategy[Batch]:
        both = here(limits if times is None else limits._replace(mtime=(*times, limits.mtime[2])))
        return strategies.batches(both, count=count).map(
            lambda batch: tuple(change(case, both) for case in batch)
        )

    return draws


def here(limits: Limits) -> Limits:
    """What is left of a lab's limits where engines run, which is on this machine whatever the lab is."""
    return limits._replace(ids=(0,)) if os.geteuid() or in_user_namespace() else limits


@dataclass(frozen=True)
class Beside:
    """The subject's diff directories mounted in the lab, beside the layers as an engine applies them, here.

    engine  as `engines.engine` spells it
    """

    engine: str

    def __call__(self, case: Case, conditions: Conditions) -> Plan[Sights]:
        seen = yield from unpacked_and_mounted(case, conditions)
        views = {} if seen.merged is None else {MERGED: seen.merged}
        if not all(layer.ok for layer in seen.layers):
            return Sights(seen.layers, views, seen.failed)
        [made] = cast(list[Composed], (yield Composing(engine=self.engine, stack=plainer(case.stack))))
        if made.tree is None:
            return Sights(seen.layers, views, seen.failed, self.engine, made.refused)
        applied = made.tree if engines.keeps_times(self.engine) else _clocked(made.tree, made)
        return Sights(seen.layers, views | {APPLIED: applied}, seen.failed, self.engine)


def _clocked(tree: Tree, made: Composed) -> Tree:
    """A root file system; a time is None where the tool has taken it from the clock."""
    return {
        path: node._replace(mtime=None)
        if node.mtime is not None and made.began <= node.mtime <= made.ended
        else node
        for path, node in tree.items()
    }


def stamped(case: Case, conditions: Conditions) -> Plan[Sights]:
    """All layers mounted, with a time of its own on every directory that a layer only implies: some unpackers
    leave the time of unpacking there, and one that leaves 0 shows nothing of what the mount does."""
    stamps = [
        Operate("utimens", f"l{number}/{path}", (0, STAMP))
        for number, layer in enumerate(case.stack, 1)
        for path in sorted(layer.implied)
    ]
    steps = (*unpack_steps(case), *stamps, mount(case.setup, len(case.stack), conditions), Walk("m"))
    results = yield Job(steps, case.setup.backing)
    seen = stack_seen(layers_seen(case, results[: 2 * len(case.stack)]), results)
    return Sights(seen.layers, {} if seen.merged is None else {MERGED: seen.merged}, seen.failed)


def over_each(case: Case, conditions: Conditions) -> Plan[Sights]:
    """Every layer but the topmost by itself, and the topmost over each of them."""
    bases = range(1, len(case.stack))
    mounts: dict[str, Sequence[Step]] = {}
    for number in bases:
        mounts[alone_label(number)] = _looked(_of(case, conditions, f"l{number}"))
        mounts[over_label(number)] = _looked(_of(case, conditions, f"l{len(case.stack)}", f"l{number}"))
    return (yield from _mounted(case, mounts))


def on_and_off(case: Case, conditions: Conditions) -> Plan[Sights]:
    """All layers, mounted with the feature and without it."""
    mounts = {
        label: _looked(mount(case.setup, len(case.stack), replace(conditions, delegate=delegate)))
        for label, delegate in ((OFF, False), (ON, True))
    }
    return (yield from _mounted(case, mounts))


def _of(case: Case, conditions: Conditions, *lowers: str) -> Mount:
    """A mount of some of the layers, topmost first."""
    return mount(case.setup, len(lowers), conditions)._replace(lowers=lowers)


def _looked(mounted: Mount) -> Sequence[Step]:
    return (mounted, Walk(mounted.at), Unmount(mounted.at))


def _mounted(case: Case, mounts: dict[str, Sequence[Step]]) -> Plan[Sights]:
    """Unpack, and look at each of some mounts; label → view."""
    steps = [step for each in mounts.values() for step in each]
    results: list[Result] = yield Job((*unpack_steps(case), *steps), case.setup.backing)
    layers = layers_seen(case, results[: 2 * len(case.stack)])
    looks = results[2 * len(case.stack) + 1 :: 3]
    views = {
        label: as_tree(look) for label, look in zip(mounts, looks, strict=False) if isinstance(look, dict)
    }
    return Sights(layers, views, failure(results) if all(layer.ok for layer in layers) else "")
