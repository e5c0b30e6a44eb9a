"""Experiments about marks that a mount shows: of the namespace that it does not read, and escaped ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, mount, options
from dirmeta.judge.identity import copying_up, refusal
from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Job, Mount, Operate, Step, Unmount, Walk
from dirmeta.rules.seen import Pairs


def used_as_ordinary(case: Case, conditions: Conditions) -> Plan[Pairs]:
    """Set the other namespace's mark on every second directory, copy everything up, and mount the other way
    what has come of it, the upper as the topmost layer."""
    diffs = oracle.diff_directories(case)
    namespace = overlayfs.OTHER[case.setup.namespace]
    name = overlayfs.mark_name(namespace)
    view = oracle.merge(diffs, delegate=False, namespace=case.setup.namespace)
    chosen = sorted(view.contributors.keys() - {paths.ROOT})[::2]
    sets = [Operate("setxattr", f"m/{path}", (name, overlayfs.YES)) for path in chosen]
    changes = [*sets, *copying_up(view.tree)]
    mounted = mount(replace(case.setup, upper=True), len(diffs), conditions)
    other_way = mount(replace(case.setup, namespace=namespace, upper=False), len(diffs), conditions)
    steps: tuple[Step, ...] = (
        *layout_steps(diffs), mounted, Walk("m"), *changes, Walk("m"), Walk("upper"), Unmount("m"),
        other_way._replace(lowers=("upper", *other_way.lowers)), Walk("m"),
    )  # fmt: skip
    results = yield Job(steps, case.setup.backing)
    if failed := failure(results) or refusal(changes, results):
        return Pairs({}, failed)
    before, after, upper, live = (as_tree(result) for result in results if isinstance(result, dict))
    changed = {change.path.removeprefix("m/") for change in changes}
    want = {**_only(name, before, changed), **dict.fromkeys(chosen, _marked(name))}
    return Pairs({
        "set and listed": (want, _only(name, after, changed)),
        "copied up": (want, _only(name, upper, changed)),
        "mounted the other way": (_merged([*diffs, upper], namespace, conditions), live),
    })  # fmt: skip


def _marked(name: str) -> Node:
    return Node("directory", xattrs=((name, overlayfs.YES),))


def _only(name: str, tree: Tree, wanted: Iterable[str]) -> Tree:
    """Of what is wanted of a tree, whether it is there, and its xattr of that name."""
    return {
        path: Node("directory", xattrs=tuple(pair for pair in tree[path].xattrs if pair[0] == name))
        for path in wanted
        if path in tree
    }


def nested(case: Case, conditions: Conditions) -> Plan[Pairs]:
    """Mount, mount that as a lower of another overlay that reads the same namespace, and look at both."""
    return _nested(case, conditions, case.setup.namespace)


def nested_across(case: Case, conditions: Conditions) -> Plan[Pairs]:
    """The same, but the outer mount reads the other namespace, whose marks the inner one shows."""
    return _nested(case, conditions, overlayfs.OTHER[case.setup.namespace])


def _nested(case: Case, conditions: Conditions, namespace: Namespace) -> Plan[Pairs]:
    diffs = oracle.diff_directories(case)
    inner = mount(replace(case.setup, upper=False), len(diffs), conditions, at="inner")
    outer = options(replace(case.setup, namespace=namespace, options=(), upper=False), conditions)
    # Over the lowest layer, so that a mark which the outer mount heeds has something to delegate to.
    nest = Mount("m", ("inner", "l1"), "", outer)
    results = yield Job((*layout_steps(diffs), inner, Walk("inner"), nest, Walk("m")), case.setup.backing)
    if failed := failure(results):
        return Pairs({}, failed)
    shown = as_tree(results[len(diffs) + 1])
    # What the inner mount shows under the mark's name is a mark to the outer one, and hidden there.
    return Pairs({
        "the inner mount": (_merged(diffs, case.setup.namespace, conditions), shown),
        "the outer mount": (_merged([diffs[0], shown], namespace, conditions), as_tree(results[-1])),
    })  # fmt: skip


def _merged(diffs: Sequence[Tree], namespace: Namespace, conditions: Conditions) -> Tree:
    return oracle.merge(
        diffs, delegate=conditions.delegate, namespace=namespace, policies=conditions.policies
    ).tree
