"""Experiments about what the kernel says of a directory: in every way of asking, and over copy-up."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, mount
from dirmeta.judge.marks import without_marks
from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.stack import Case, Setup
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import (
    Agree,
    AskAsStranger,
    Identify,
    Identity,
    Job,
    Operate,
    Outcome,
    Result,
    Step,
    Unmount,
    Walk,
)
from dirmeta.rules.seen import Guarantees, Kept, Looks, Stranger

Rows = dict[str, dict[str, tuple[int, int, int, int]]]


def asked_in_every_way(case: Case, conditions: Conditions) -> Plan[Looks]:
    """Ask for each directory's metadata in every way, and again after a remount."""
    diffs = oracle.diff_directories(case)
    mounted = mount(replace(case.setup, upper=False), len(diffs), conditions)
    steps = (*layout_steps(diffs), mounted, Agree("m"), Unmount("m"), mounted, Agree("m"))
    results = yield Job(steps, case.setup.backing)
    if failed := failure(results):
        return Looks({}, failed)
    first, second = cast(Rows, results[len(diffs) + 1]), cast(Rows, results[-1])
    if gone := first.keys() ^ second.keys():
        return Looks({}, f"{min(gone)} is not there both before and after a remount")
    again = {path: {f"{way}, remounted": row for way, row in rows.items()} for path, rows in second.items()}
    return Looks({path: {**rows, **again.get(path, {})} for path, rows in first.items()})


MIXES: Final[tuple[tuple[tuple[str, str], ...], ...]] = (
    (),
    (("index", "on"), ("nfs_export", "on"), ("redirect_dir", "nofollow")),
)
"""Mount options under which identity is looked at; only nfs_export gives file handles."""


def identified(case: Case, conditions: Conditions) -> Plan[Guarantees]:
    """Look at identity numbers before and after copy-up and remount, with marks and without."""
    diffs = oracle.diff_directories(case)
    held = []
    for twin in (diffs, [without_marks(tree) for tree in diffs]):
        found: dict[str, frozenset[str]] = {}
        for mix in MIXES:
            setup = replace(case.setup, upper=True, options=mix)
            looks = _look_thrice(twin, setup, conditions)
            changes = [step for step in looks if isinstance(step, Operate)]
            results = yield Job((*layout_steps(twin), *looks), setup.backing)
            if failed := failure(results) or refusal(changes, results):
                return Guarantees({}, {}, failed)
            label = ", nfs_export" if mix else ""
            for path, facts in guarantees(*_identities(results)).items():
                found[path] = found.get(path, frozenset()) | {fact + label for fact in facts}
        held.append(found)
    with_marks, without = held
    return Guarantees(with_marks, without)


def _look_thrice(diffs: Sequence[Tree], setup: Setup, conditions: Conditions) -> tuple[Step, ...]:
    """Look at a fresh mount, once everything in it is copied up, and after a remount with the same upper."""
    mounted = mount(setup, len(diffs), conditions)
    changes = copying_up(oracle.merge(diffs, delegate=False, namespace=setup.namespace).tree)
    return (mounted, Identify("m"), *changes, Identify("m"), Unmount("m"), mounted, Identify("m"))


def copying_up(shown: Tree) -> list[Operate]:
    """What copies up each directory and file that a view shows, parents before children.

    Not devices: where the index is kept in user.* xattrs, which those can not have, the copied-up one makes
    the next mount fail, marks or not.
    """
    names = sorted(path for path, node in shown.items() if path and node.kind in ("directory", "file"))
    return [Operate("chmod", f"m/{path}", (0o700,)) for path in names]


def refusal(changes: Sequence[Operate], results: Sequence[Result]) -> str:
    """Which change the mount refused, or nothing."""
    outcomes = [result for result in results if isinstance(result, Outcome)]
    for change, outcome in zip(changes, outcomes[-len(changes) :], strict=True) if changes else ():
        if outcome.errno:
            return f"{change.call} {change.path}: {os.strerror(outcome.errno)}"
    return ""


def _identities(results: Sequence[Result]) -> list[dict[str, Identity]]:
    return [cast("dict[str, Identity]", result) for result in results if isinstance(result, dict)]


def guarantees(
    fresh: Mapping[str, Identity], copied: Mapping[str, Identity], remounted: Mapping[str, Identity]
) -> dict[str, frozenset[str]]:
    """Path → what can be relied on there."""
    return {
        path: frozenset(_holding(identity, copied.get(path), remounted.get(path)))
        for path, identity in fresh.items()
    }


def _holding(fresh: Identity, copied: Identity | None, remounted: Identity | None) -> list[str]:
    facts = {
        "d_type is the type": fresh.d_type == stat.S_IFMT(fresh.mode_type) >> 12,
        "d_ino is st_ino": fresh.d_ino == fresh.st_ino,
        "it has a file handle": fresh.handle is not None,
    }
    for moment, later in (("copy-up", copied), ("a remount", remounted)):
        if later is not None:
            facts[f"st_ino is constant over {moment}"] = later.st_ino == fresh.st_ino
            facts[f"d_ino is st_ino after {moment}"] = later.d_ino == later.st_ino
            facts[f"the file handle is constant over {moment}"] = later.handle == fresh.handle
    return [fact for fact, holds in facts.items() if holds]


def asked_by_a_stranger(case: Case, conditions: Conditions) -> Plan[Stranger]:
    """Have someone mount who may not read the topmost layer's directory."""
    diffs = oracle.diff_directories(case)
    mounted = mount(case.setup, len(diffs), conditions)
    results = yield Job((*layout_steps(diffs), AskAsStranger(mounted, "m/d")), case.setup.backing)
    if failed := failure(results):
        return Stranger(0, 0, failed)
    outcome = cast(Outcome, results[-1])
    return Stranger(outcome.errno, int(outcome.value[1]) if isinstance(outcome.value, tuple) else 0)


def copied_up(case: Case, conditions: Conditions) -> Plan[Kept]:
    """Ask every directory for the mark, change it through the mount, and look at the raw upper."""
    diffs = oracle.diff_directories(case)
    view = oracle.merge(diffs, delegate=False, namespace=case.setup.namespace)
    mark = overlayfs.mark_name(case.setup.namespace)
    directories = sorted(view.contributors.keys() - {paths.ROOT})
    asks = [Operate("getxattr", f"m/{path}", (mark,)) for path in directories]
    asks += [Operate("listxattr", f"m/{path}") for path in directories]
    changes = copying_up(view.tree)
    mounted = mount(replace(case.setup, upper=True), len(diffs), conditions)
    steps = (*layout_steps(diffs), mounted, *asks, *changes, Walk("m"), Walk("upper"))
    results = yield Job(steps, case.setup.backing)
    if failed := failure(results) or refusal(changes, results):
        return Kept({}, {}, {}, {}, failed)
    outcomes = [cast(Outcome, result) for result in results[len(diffs) + 1 :][: len(asks)]]
    asked = {path: outcome.errno for path, outcome in zip(directories, outcomes, strict=False)}
    names = [outcome.value for outcome in outcomes[len(directories) :]]
    listed = {
        path: each if isinstance(each, tuple) else () for path, each in zip(directories, names, strict=True)
    }
    merged, upper = as_tree(results[-2]), as_tree(results[-1])
    if missing := [path for path in directories if path not in upper]:
        return Kept({}, {}, {}, {}, f"chmod m/{missing[0]}: was not copied up")
    return Kept(merged, upper, asked, listed)
