"""Experiments that unpack or mount one case in several ways, which are to come to the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from dirmeta.judge.experiments import (
    Conditions,
    Experiment,
    Plan,
    as_tree,
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
from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Job, Mount, Result, Step, Unmount, Unpacked, UnpackTogether, Walk
from dirmeta.rules.seen import LayerSeen, StackSeen, Twice, Views

Mix = tuple[tuple[str, str], ...]
"""Mount options together, as (name, value), value "" for a flag."""

APPEND: Final = ("lowerdir+", "")
"""Not an option of mount(2): layers are given one by one through fsconfig(2)."""


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


def with_options(*mixes: Mix) -> Experiment:
    """An experiment that mounts one layout under each mix of options that its namespace allows."""

    def mounted_variously(case: Case, conditions: Conditions) -> Plan[Views]:
        diffs = oracle.diff_directories(case)
        steps: list[Step] = [*layout_steps(diffs)]
        fitting = [mix for mix in mixes if _fits(mix, case, conditions)]
        for number, mix in enumerate(fitting):
            steps += [_mount_with(mix, case, conditions, f"upper{number}"), Walk("m"), Unmount("m")]
        results = yield Job(tuple(steps), case.setup.backing)
        if failed := failure(results):
            done = (len(results) - 1 - len(diffs)) // 3
            return Views({}, f"{_words(fitting[done])}: {failed}" if done >= 0 else failed)
        walks = [as_tree(result) for result in results if isinstance(result, dict)]
        return Views({_words(mix): _inside(walk) for mix, walk in zip(fitting, walks, strict=True)})

    return mounted_variously


_SINCE: Final = {"uuid": (6, 6), "verity": (6, 6), "lowerdir+": (6, 7), "override_creds": (6, 15)}
"""Option → the first kernel that knows it."""
_TRUSTED_ONLY: Final = frozenset((("redirect_dir", "on"), ("redirect_dir", "follow"), ("metacopy", "on")))
"""What overlayfs refuses with userxattr, since it would trust xattrs that users can write."""
_WRITABLE: Final = frozenset((("index", "on"), ("volatile", ""), ("redirect_dir", "on")))
"""What only a mount with an upper takes."""


def _fits(mix: Mix, case: Case, conditions: Conditions) -> bool:
    known = all(conditions.release >= _SINCE.get(name, (0, 0)) for name, _ in mix)
    return known and (case.setup.namespace == "trusted" or _TRUSTED_ONLY.isdisjoint(mix))


def _mount_with(mix: Mix, case: Case, conditions: Conditions, upper: str) -> Mount:
    real = tuple(option for option in mix if option != APPEND)
    each = mount(replace(case.setup, options=real), len(case.stack), conditions)
    return each._replace(upper="" if _WRITABLE.isdisjoint(mix) else upper, append=APPEND in mix)


def _words(mix: Mix) -> str:
    return ",".join(f"{name}={value}" if value else name for name, value in mix) or "defaults"


def _inside(tree: Tree) -> Tree:
    """A view without its root: with a fresh upper that is the upper's own."""
    return {path: node for path, node in tree.items() if path != paths.ROOT}


def on_backings(case: Case, conditions: Conditions) -> Plan[Views]:
    """Lay out and mount on every backing file system that the lab has."""
    diffs = oracle.diff_directories(case)
    views = {}
    for backing in conditions.backings:
        results = yield Job(mounted_steps(diffs, case, conditions), backing)
        if failed := failure(results):
            return Views({}, f"{backing}: {failed}")
        views[backing] = as_tree(results[-1])
    return Views(views)


def mounted_steps(diffs: Sequence[Tree], case: Case, conditions: Conditions) -> tuple[Step, ...]:
    """Lay out, mount read-only, look."""
    setup = replace(case.setup, upper=False)
    return (*layout_steps(diffs), mount(setup, len(diffs), conditions), Walk("m"))


def nested(case: Case, conditions: Conditions) -> Plan[Views]:
    """Mount, mount that as a lower of another overlay that reads the same namespace, and look at both."""
    return _nested(case, conditions, case.setup.namespace)


def nested_across(case: Case, conditions: Conditions) -> Plan[Views]:
    """The same, but the outer mount reads the other namespace, whose marks the inner one shows."""
    return _nested(case, conditions, overlayfs.OTHER[case.setup.namespace])


def _nested(case: Case, conditions: Conditions, namespace: Namespace) -> Plan[Views]:
    diffs = oracle.diff_directories(case)
    inner = mount(replace(case.setup, upper=False), len(diffs), conditions, at="inner")
    outer = options(replace(case.setup, namespace=namespace, options=(), upper=False), conditions)
    # Over the lowest layer, so that a mark which the outer mount heeds has something to delegate to.
    nest = Mount("m", ("inner", "l1"), "", outer)
    results = yield Job((*layout_steps(diffs), inner, Walk("inner"), nest, Walk("m")), case.setup.backing)
    if failed := failure(results):
        return Views({}, failed)
    # What the inner mount shows under the mark's name is a mark to the outer one, and hidden there.
    shown = as_tree(results[len(diffs) + 1])
    expected = oracle.merge(
        [diffs[0], shown], delegate=conditions.delegate, namespace=namespace, policies=conditions.policies
    )
    return Views({"as its lowers have it": expected.tree, "nested": as_tree(results[-1])})
