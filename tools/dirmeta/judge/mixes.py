"""MERGE-OPTIONS: one layout mounted under every legal mix of options, pairwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from dirmeta.generate.pairwise import pairwise
from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, mount
from dirmeta.model import oracle, paths
from dirmeta.model.mountoptions import APPEND, CONFLICTS, DATA, FACTORS, NOT_GIVEN, UPPER, words
from dirmeta.model.overlayfs import Namespace, Option
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Job, Layout, Mount, Step, Unmount, Walk
from dirmeta.rules.seen import Views

Mix = tuple[Option, ...]
"""Mount options together, and how layers are given."""


@cache
def mixes(
    namespace: Namespace,
    refused: frozenset[tuple[Namespace, Option]],
    more: tuple[tuple[Option, ...], ...] = (),
) -> tuple[Mix, ...]:
    """Mixes in which every two options meet that a mount can have both; none has one that is refused.

    more  further factors that the options are to meet
    """
    factors = []
    for factor in FACTORS:
        taken = [option for option in factor if (namespace, option) not in refused]
        factors.append(taken or [(factor[0][0], NOT_GIVEN)])
    return tuple(
        tuple(option for option in row if option[1] != NOT_GIVEN)
        for row in pairwise([*factors, *more], CONFLICTS)
    )


def mounted_variously(case: Case, conditions: Conditions) -> Plan[Views]:
    """Mount one layout under each mix of options that the kernel takes."""
    diffs = oracle.diff_directories(case)
    # A data-only layer that would be a source, if those were any.
    laid = (*layout_steps(diffs), Layout("data", diffs[0]))
    every = mixes(case.setup.namespace, frozenset(conditions.refused))
    return (yield from under_each(every, laid, case.setup.backing, case, conditions))


def under_each(
    every: Sequence[Mix], laid: Sequence[Step], backing: str, case: Case, conditions: Conditions
) -> Plan[Views]:
    """Mount what is laid out under one mix after another."""
    steps = [*laid]
    for number, mix in enumerate(every):
        steps += [_mount_with(mix, case, conditions, f"upper{number}"), Walk("m"), Unmount("m")]
    results = yield Job(tuple(steps), backing)
    if failed := failure(results):
        done = (len(results) - 1 - len(laid)) // 3
        return Views({}, f"{_words(every[done])}: {failed}" if done >= 0 else failed)
    walks = [as_tree(result) for result in results if isinstance(result, dict)]
    return Views({_words(mix): inside(walk) for mix, walk in zip(every, walks, strict=True)})


def _mount_with(mix: Mix, case: Case, conditions: Conditions, upper: str) -> Mount:
    real = tuple(option for option in mix if option not in (APPEND, DATA, UPPER))
    plain = mount(replace(case.setup, options=real), len(case.stack), conditions)
    plain = plain._replace(upper=upper if UPPER in mix else "", append=APPEND in mix)
    if DATA in mix:
        return plain._replace(lowers=(*plain.lowers, "data"), data_only=1, append=True)
    return plain


def _words(mix: Mix) -> str:
    return ",".join(map(words, mix))


def inside(tree: Tree) -> Tree:
    """A view without its root: with a fresh upper that is the upper's own."""
    return {path: node for path, node in tree.items() if path != paths.ROOT}
