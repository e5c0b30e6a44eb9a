"""Experiments that ask what marks change, and what they must not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, mount, stack_seen
from dirmeta.judge.variations import mounted_steps
from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.oracle import Place
from dirmeta.model.semantics import Policies
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import IdMap, Job, Layout, ShowOptions, Step, Unmount, Walk
from dirmeta.rules.seen import LayerSeen, StackSeen, Switched, Views


def without_marks(tree: Mapping[str, Node]) -> Tree:
    """A diff directory with every mark, of either namespace, taken away."""
    return {path: _unmarked(node) if node.xattrs else node for path, node in tree.items()}


def _unmarked(node: Node) -> Node:
    return node._replace(xattrs=tuple(pair for pair in node.xattrs if pair[0] not in overlayfs.MARKS))


def twin_without_marks(case: Case, conditions: Conditions) -> Plan[Views]:
    """Mount with marks and without, and compare all that marks must not change."""
    diffs = oracle.diff_directories(case)
    views = {}
    for label, twin in (("without marks", [without_marks(tree) for tree in diffs]), ("with marks", diffs)):
        results = yield Job(mounted_steps(twin, case, conditions), case.setup.backing)
        if failed := failure(results):
            return Views({}, failed)
        views[label] = {path: _name_only(node) for path, node in as_tree(results[-1]).items()}
    return Views(views)


def _name_only(node: Node) -> Node:
    """Of a directory only that it is one; of anything else all but marks."""
    return Node("directory") if node.kind == "directory" else _unmarked(node)


def written_out(case: Case, conditions: Conditions) -> Plan[Views]:
    """Write what is seen onto each topmost contributor, remove all marks, remount: the same view."""
    diffs = oracle.diff_directories(case)
    results = yield Job(mounted_steps(diffs, case, conditions), case.setup.backing)
    if failed := failure(results):
        return Views({}, failed)
    seen = as_tree(results[-1])
    again = yield Job(mounted_steps(_with_observed(diffs, seen, case), case, conditions), case.setup.backing)
    if failed := failure(again):
        return Views({}, failed)
    return Views({"with marks": _public(seen), "written out": _public(as_tree(again[-1]))})


def _public(tree: Tree) -> Tree:
    """A view without marks of the namespace that the mount does not read, which it shows as they are."""
    return without_marks(tree)


def _with_observed(diffs: Sequence[Tree], seen: Tree, case: Case) -> list[Tree]:
    """The diff directories without marks, each directory's observed metadata on its topmost contributor."""
    written = [without_marks(tree) for tree in diffs]
    view = oracle.merge(diffs, delegate=False, namespace=case.setup.namespace)
    private = overlayfs.PREFIX[case.setup.namespace]
    for path in view.contributors.keys() & seen.keys():
        top = view.contributors[path][0]
        tree = written[len(diffs) - 1 - top.layer]
        kept = {name: value for name, value in tree[top.path].xattrs if name.startswith(private)}
        xattrs = {**dict(_unmarked(seen[path]).xattrs), **kept}
        tree[top.path] = seen[path]._replace(xattrs=tuple(sorted(xattrs.items())))
    return written


def marked_on_top(case: Case, conditions: Conditions) -> Plan[Views]:
    """Put a layer of only marked directories on top: what has an unmarked contributor stays."""
    diffs = oracle.diff_directories(case)
    results = yield Job(mounted_steps(diffs, case, conditions), case.setup.backing)
    if failed := failure(results):
        return Views({}, failed)
    seen = as_tree(results[-1])
    mark = overlayfs.mark_name(case.setup.namespace)
    marked = Node("directory", 0o711, mtime=1_000_000_000, xattrs=((mark, overlayfs.YES),))
    top = {path: marked for path, node in seen.items() if node.kind == "directory" and path != paths.ROOT}
    raised = [*diffs, {paths.ROOT: diffs[-1][paths.ROOT], **top}]
    again = yield Job(mounted_steps(raised, case, conditions), case.setup.backing)
    if failed := failure(again):
        return Views({}, failed)
    stays = _with_unmarked(diffs, case, conditions.policies) & seen.keys()
    return Views({
        "as it was": {path: node for path, node in seen.items() if path in stays},
        "a marked layer on top": {path: node for path, node in as_tree(again[-1]).items() if path in stays},
    })  # fmt: skip


def _with_unmarked(diffs: Sequence[Tree], case: Case, policies: Policies) -> set[str]:
    """Paths of the view whose metadata a marked layer on top must leave alone."""
    namespace = case.setup.namespace
    view = oracle.merge(diffs, delegate=False, namespace=namespace)

    def unmarked(place: Place) -> bool:
        return not oracle.is_marked(diffs[len(diffs) - 1 - place.layer][place.path], namespace, policies)

    return {
        path
        for path in view.tree.keys() - {paths.ROOT}
        if path not in view.contributors or any(map(unmarked, view.contributors[path]))
    }


OPTION: Final = "dirmeta_delegate"
ON_AND_OFF: Final = ("on", "off")


def switched(case: Case, conditions: Conditions) -> Plan[Switched]:
    """Mount one layout with the feature on, and with it off."""
    diffs = oracle.diff_directories(case)
    steps: list[Step] = [*layout_steps(diffs)]
    for value in ON_AND_OFF:
        setup = replace(case.setup, upper=False, options=((OPTION, value),))
        steps += [mount(setup, len(diffs), conditions), Walk("m"), Unmount("m")]
    results = yield Job(tuple(steps), case.setup.backing)
    if failed := failure(results):
        return Switched((), {}, {}, failed)
    shown_on, shown_off = (as_tree(result) for result in results if isinstance(result, dict))
    told = yield Job(tuple(_showing_options(case, conditions)), case.setup.backing)
    if failed := failure(told):
        return Switched((), {}, {}, failed)
    options = [result for result in told if isinstance(result, list)]
    said = [",".join(each for each in some if each.startswith(OPTION)) for some in options]
    return Switched(tuple(diffs), shown_on, shown_off, shown=dict(zip(ON_AND_OFF, said, strict=True)))


def _showing_options(case: Case, conditions: Conditions) -> Iterator[Step]:
    """Mount next to nothing with the feature on, and with it off, and ask what options the mount has."""
    yield Layout("l1", {paths.ROOT: Node("directory")})
    for value in ON_AND_OFF:
        setup = replace(case.setup, upper=False, options=((OPTION, value),))
        yield from (mount(setup, 1, conditions), ShowOptions("m"), Unmount("m"))


FIRST_ID: Final = 100_000
IDS: Final = 65_536


def id_mapped(case: Case, conditions: Conditions) -> Plan[StackSeen]:
    """Mount layers that are idmapped by different amounts; the diff directories as their mounts show them."""
    diffs = oracle.diff_directories(case)
    firsts = [FIRST_ID * number for number in range(1, len(diffs) + 1)]
    steps: list[Step] = [*layout_steps(diffs)]
    steps += [IdMap(f"i{n}", f"l{n}", first, IDS) for n, first in enumerate(firsts, 1)]
    mounted = mount(replace(case.setup, upper=False), len(diffs), conditions)
    lowers = tuple(lower.replace("l", "i") for lower in mounted.lowers)
    results = yield Job((*steps, mounted._replace(lowers=lowers), Walk("m")), case.setup.backing)
    shown = [
        {path: _shifted(node, first) for path, node in tree.items()}
        for tree, first in zip(diffs, firsts, strict=True)
    ]
    return stack_seen(tuple(map(LayerSeen, shown)), results)


def _shifted(node: Node, first: int) -> Node:
    return node if node.is_whiteout else node._replace(uid=node.uid + first, gid=node.gid + first)
