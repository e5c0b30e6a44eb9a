"""Experiments that unpack or mount one case in several ways, which are to come to the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from dirmeta.judge.experiments import (
    Conditions,
    Plan,
    failure,
    layer_seen,
    layers_seen,
    layout_steps,
    mount,
    on,
    options,
    stack_seen,
    unpack,
    unpack_steps,
)
from dirmeta.model import paths
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Job, Mount, Result, Step, Unpacked, UnpackTogether, Walk
from dirmeta.rules.seen import LayerSeen, StackSeen, Twice


def unpacked_twice(case: Case, conditions: Conditions) -> Plan[Twice]:
    """Unpack every layer with the feature on, and again with it off."""
    seen = []
    for delegate in (True, False):
        results = yield Job(unpack_steps(on(case, delegate=delegate)), case.setup.backing)
        seen.append(layers_seen(case, results))
    return Twice(*seen)


def unpacked_together(case: Case, conditions: Conditions) -> Plan[Twice]:
    """Unpack the layers one by one, and again from the top, all at once."""
    alone = yield Job(unpack_steps(case), case.setup.backing)
    unpacks = tuple(unpack(layer, f"t{number}", case.setup) for number, layer in enumerate(case.stack, 1))
    walks = [Walk(each.at) for each in unpacks]
    results = yield Job((UnpackTogether(unpacks[::-1]), *walks), case.setup.backing)
    return Twice(layers_seen(case, alone), _together(case, results))


def _together(case: Case, results: Sequence[Result]) -> tuple[LayerSeen, ...]:
    if failed := failure(results):
        return tuple(LayerSeen({}, trouble=failed) for _ in case.stack)
    hows, *walks = results
    assert isinstance(hows, tuple)
    hows = cast("tuple[Unpacked, ...]", hows)
    return tuple(layer_seen(how, tree) for how, tree in zip(hows[::-1], walks, strict=True))


def unpacked_on_overlay(case: Case, conditions: Conditions) -> Plan[StackSeen]:
    """Unpack every layer through an overlay mount, and mount what came of it from there."""
    outer = mount(replace(case.setup, options=(), upper=True), 1, conditions, at="outer")
    steps: list[Step] = [*layout_steps([{paths.ROOT: Node("directory")}]), outer]
    for number, layer in enumerate(case.stack, 1):
        steps += [unpack(layer, f"outer/l{number}", case.setup), Walk(f"outer/l{number}")]
    lowers = tuple(f"outer/l{number}" for number in range(len(case.stack), 0, -1))
    steps += [Mount("m", lowers, "", options(case.setup, conditions)), Walk("m")]
    results = yield Job(tuple(steps), case.setup.backing)
    if len(results) <= 2:
        return StackSeen((), failed=failure(results))
    return stack_seen(layers_seen(case, results[2:]), results)


def mounted_steps(diffs: Sequence[Tree], case: Case, conditions: Conditions) -> tuple[Step, ...]:
    """Lay out, mount read-only, look."""
    setup = replace(case.setup, upper=False)
    return (*layout_steps(diffs), mount(setup, len(diffs), conditions), Walk("m"))
