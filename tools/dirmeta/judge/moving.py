"""The same layers and the same upper, mounted by turns with the feature and without it.

A *visit* is one mount: what it shows, what it shows once some directories were chmodded, and what lies in the
upper afterwards. Whoever mounted before, each visit follows its own rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple
from zlib import crc32

from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, mount
from dirmeta.judge.identity import refusal
from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree, with_mode
from dirmeta.observe.steps import Job, Layout, Operate, Step, Unmount, Walk
from dirmeta.rules.seen import Pairs

BY_TURNS: Final = (False, True, False)
"""Whether each visit of a kernel with the feature delegates."""
MODES: Final = (0o711, 0o2751, 0o700)
"""What a visit sets the directories to that it changes, by its number."""


class Start(NamedTuple):
    """What lies there before the first visit. lowers: lowest first, at least one."""

    name: str
    lowers: tuple[Tree, ...]
    upper: Tree


class Visit(NamedTuple):
    """shown, changed: the view before and after; upper: the raw upper directory at the end."""

    shown: Tree
    changed: Tree
    upper: Tree


class NoVisit(Exception):
    """A mount, or a change through it, was refused."""


def starts(case: Case) -> tuple[Start, Start]:
    """The stack below a fresh upper, and with its topmost layer as the upper."""
    diffs = oracle.diff_directories(case)
    empty: Tree = {paths.ROOT: Node("directory")}
    return (
        Start("a fresh upper", tuple(diffs), empty),
        Start("the topmost layer as upper", tuple(diffs[:-1]) or (empty,), diffs[-1]),
    )


def by_turns(case: Case, conditions: Conditions) -> Plan[Pairs]:
    """One kernel that mounts off, on, and off, on the same directories."""
    pairs: dict[str, tuple[Tree, Tree]] = {}
    for start in starts(case):
        changes = [chmods(case, start, number) for number in range(len(BY_TURNS))]
        steps: list[Step] = [*_laid(start)]
        for number, delegate in enumerate(BY_TURNS):
            steps += _visiting(case, start, replace(conditions, delegate=delegate), changes[number])
        results = yield Job(tuple(steps), case.setup.backing)
        done = [change for each in changes for change in each]
        if failed := failure(results) or refusal(done, results):
            return Pairs({}, f"{start.name}: {failed}")
        trees = iter([as_tree(result) for result in results if isinstance(result, dict)])
        upper = start.upper
        for number, delegate in enumerate(BY_TURNS):
            visit = Visit(next(trees), next(trees), next(trees))
            label = f"{start.name}, mount {number + 1}, {'on' if delegate else 'off'}"
            terms = replace(conditions, delegate=delegate)
            pairs |= as_ruled(label, case, start._replace(upper=upper), visit, number, terms)
            upper = visit.upper
    return Pairs(pairs)


def visited(case: Case, conditions: Conditions, start: Start, number: int) -> Plan[Visit]:
    """One visit in a place of its own. Raises NoVisit."""
    changes = chmods(case, start, number)
    results = yield Job((*_laid(start), *_visiting(case, start, conditions, changes)), case.setup.backing)
    if failed := failure(results) or refusal(changes, results):
        raise NoVisit(f"{start.name}: {failed}")
    return Visit(*[as_tree(result) for result in results if isinstance(result, dict)])


def _laid(start: Start) -> tuple[Step, ...]:
    return (*layout_steps(start.lowers), Layout("upper", start.upper))


def _visiting(
    case: Case, start: Start, conditions: Conditions, changes: Sequence[Operate]
) -> tuple[Step, ...]:
    mounted = mount(replace(case.setup, upper=True), len(start.lowers), conditions)
    return (mounted, Walk("m"), *changes, Walk("m"), Unmount("m"), Walk("upper"))


def chmods(case: Case, start: Start, number: int) -> list[Operate]:
    """What visit `number` changes: a third of the directories, by their names, so that packs do the same."""
    view = oracle.merge([*start.lowers, start.upper], delegate=False, namespace=case.setup.namespace)
    return [
        Operate("chmod", f"m/{path}", (MODES[number],))
        for path in sorted(view.contributors.keys() - {paths.ROOT})
        if _turn(path) == number
    ]


def _turn(path: str) -> int:
    return crc32(paths.basename(path).encode("utf-8", "surrogateescape")) % len(MODES)


def as_ruled(
    label: str, case: Case, before: Start, visit: Visit, number: int, conditions: Conditions
) -> dict[str, tuple[Tree, Tree]]:
    """Label → (what the mounter's own rule makes of what was there before the visit, what was seen)."""
    view = oracle.merge(
        [*before.lowers, before.upper],
        delegate=conditions.delegate,
        namespace=case.setup.namespace,
        policies=conditions.policies,
        upper=True,
    )
    pairs = {f"{label}, as mounted": (_inside(view.tree), _inside(visit.shown))}
    if not conditions.delegate:  # with the feature, COPYUP rules say what a change does
        mark = overlayfs.mark_name(case.setup.namespace)
        changed = {
            path: with_mode(node, MODES[number])
            if node.kind == "directory" and _turn(path) == number
            else node
            for path, node in visit.shown.items()
        }
        pairs[f"{label}, after a chmod"] = (_inside(changed), _inside(visit.changed))
        pairs[f"{label}, marks in the upper"] = (_marked(before.upper, mark), _marked(visit.upper, mark))
    return pairs


def _inside(tree: Tree) -> Tree:
    """A view without its root, which is the upper's own."""
    return {path: node for path, node in tree.items() if path != paths.ROOT}


def _marked(tree: Mapping[str, Node], mark: str) -> Tree:
    """The marked directories of a tree, and of them that they are."""
    return {
        path: Node("directory", xattrs=((mark, value),))
        for path, node in tree.items()
        if node.kind == "directory" and (value := node.xattr(mark)) is not None
    }
