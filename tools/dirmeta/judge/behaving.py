"""What a stack without marks does in use: shown, changed through a mount, and mounted again.

Of two kernels, or of one with the feature on and off, all of it is to be the same but for what a clock or
an inode number says.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, cast
from zlib import crc32

from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, mount
from dirmeta.judge.identity import guarantees
from dirmeta.judge.marks import without_marks
from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Identify, Identity, Job, Operate, Outcome, Result, Step, Unmount, Walk
from dirmeta.rules.seen import Behaviour, Behaviours

LATER: Final = 1_500_000_000_123_456_789
"""A time that is set through the mount."""
UNIQUE: Final = ("origin", "uuid")
"""What the uppers of two file systems never agree on."""

Calls = tuple[Callable[[str], Operate], ...]


def on_and_off(case: Case, conditions: Conditions) -> Plan[Behaviours]:
    """The stack without its marks, with the feature off and on."""
    off = yield from behaviour(case, replace(conditions, delegate=False))
    on = yield from behaviour(case, replace(conditions, delegate=True))
    return Behaviours(off, on, ("off", "on"))


def behaviour(case: Case, conditions: Conditions) -> Plan[Behaviour]:
    """Lay out without marks, mount with a fresh upper, change, remount; look each time."""
    diffs = [without_marks(tree) for tree in oracle.diff_directories(case)]
    mounted = mount(replace(case.setup, upper=True), len(diffs), conditions)
    changes = changing(oracle.merge(diffs, delegate=False, namespace=case.setup.namespace).tree)
    steps: tuple[Step, ...] = (
        *layout_steps(diffs),
        mounted, Walk("m"), Identify("m"),
        *changes, Walk("m"), Identify("m"), Walk("upper"), Unmount("m"),
        mounted, Walk("m"), Identify("m"),
    )  # fmt: skip
    results = yield Job(steps, case.setup.backing)
    if failed := failure(results):
        return Behaviour({}, {}, {}, failed)
    return _behaviour(steps, results, diffs)


def changing(shown: Tree) -> list[Operate]:
    """Calls at every name of a view. Which ones, the name alone decides, so that packs do the same."""
    return [
        call(f"m/{path}")
        for path in sorted(shown.keys() - {paths.ROOT})
        for call in _calls(shown[path], paths.basename(path))
    ]


def _calls(node: Node, name: str) -> Calls:
    ways = _CALLS.get(node.kind, _OTHERS)
    return ways[crc32(name.encode("utf-8", "surrogateescape")) % len(ways)]


_CALLS: Final[dict[str, tuple[Calls, ...]]] = {
    "directory": (
        (lambda at: Operate("chmod", at, (0o2750,)), lambda at: Operate("mkdir", f"{at}/new", (0o755,))),
        (
            lambda at: Operate("create", f"{at}/new", (0o640,)),
            lambda at: Operate("setxattr", at, ("user.dirmeta", b"set")),
        ),
        # Refused where lower layers have it, as redirects are not made.
        (
            lambda at: Operate("rename", at, (f"{at}.moved",)),
            lambda at: Operate("utimens", at, (LATER, LATER)),
        ),
        (lambda at: Operate("rmdir", at),),
    ),
    "file": (
        (lambda at: Operate("write", at, ("changed",)),),
        (lambda at: Operate("rename", at, (f"{at}.moved",)),),
        (lambda at: Operate("unlink", at),),
        (lambda at: Operate("chmod", at, (0o600,)),),
    ),
}
_OTHERS: Final[tuple[Calls, ...]] = (
    (lambda at: Operate("rename", at, (f"{at}.moved",)),),
    (lambda at: Operate("unlink", at),),
)


def _behaviour(steps: Sequence[Step], results: Sequence[Result], diffs: Sequence[Tree]) -> Behaviour:
    known = {LATER, *(node.mtime for tree in diffs for node in tree.values())}
    walks = [as_tree(result) for step, result in zip(steps, results, strict=True) if isinstance(step, Walk)]
    looks = [
        cast("dict[str, Identity]", result)
        for step, result in zip(steps, results, strict=True)
        if isinstance(step, Identify)
    ]
    moments = ("as mounted", "after changes", "in the upper", "remounted")
    facts = guarantees(*looks)
    trees: dict[str, Tree] = {}
    for moment, tree in zip(moments, walks, strict=True):
        trees[moment] = {path: _comparable(node, known) for path, node in tree.items()}
        for path, node in trees[moment].items():
            if node.mtime is None:
                facts[path] = facts.get(path, frozenset()) | {f"its time {moment} is the clock's"}
    return Behaviour(trees, _answers(steps, results), facts)


def _comparable(node: Node, known: set[int | None]) -> Node:
    """A node without what two runs can not have in common."""
    timed = node if node.mtime in known else node._replace(mtime=None)
    return timed._replace(xattrs=tuple(map(_without_value, node.xattrs))) if node.xattrs else timed


def _without_value(xattr: tuple[str, bytes]) -> tuple[str, bytes]:
    name, value = xattr
    return (name, b"...") if value and is_unique(name) else xattr


def is_unique(name: str) -> bool:
    """Whether an xattr is one of overlayfs whose values no two file systems have in common."""
    return overlayfs.is_overlay_private(name) and name.rpartition(".")[2] in UNIQUE


def _answers(steps: Sequence[Step], results: Sequence[Result]) -> dict[str, dict[str, str]]:
    answers: dict[str, dict[str, str]] = {}
    for step, result in zip(steps, results, strict=True):
        if isinstance(step, Operate) and isinstance(result, Outcome):
            answers.setdefault(step.path.removeprefix("m/"), {})[step.call] = _name(result.errno)
    return answers


def _name(number: int) -> str:
    return errno.errorcode.get(number, str(number)) if number else "success"
