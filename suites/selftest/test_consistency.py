"""A run tells which semantics no mount contradicts, whatever the kernel claims."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.families import families
from dirmeta.judge.results import RuleResult, consistent, together
from dirmeta.judge.runner import run_shard
from dirmeta.model.lookup import Merger
from dirmeta.model.semantics import Policies
from dirmeta.rules.registry import Terms

from .miniatures.mounts import mount
from .test_miniature_mounts import bench_on

FAMILIES = ("merge/test_source::source", "merge/test_places::root")


class Topmost(Merger):
    """Stock overlayfs."""

    def _show_directory(self, path, places, beyond, delegate):  # type: ignore[no-untyped-def]
        super()._show_directory(path, places, beyond, False)


class PassesOpaque(Merger):
    """Goes on behind opaque directories."""

    def __init__(self, *diffs, **how):  # type: ignore[no-untyped-def]
        super().__init__(*diffs, **{**how, "policies": Policies(opaque_barrier="pass")})


def judged(bench: Bench) -> Iterator[RuleResult]:
    for name in FAMILIES:
        family = replace(families()[name], cases=192, shards=1)
        yield from run_shard(family, name, 0, family.rules, bench).values()


def seen_as(merger: type[Merger]) -> list[str] | None:
    return consistent(judged(bench_on(merger)))


@pytest.mark.parametrize(
    ("merger", "models"),
    [
        (Merger, ["delegate"]),
        (Topmost, ["topmost"]),
        (mount["FallsBackToTheLowest"].defect, ["delegate with fallback=lowest"]),
        (mount["TakesAnyValue"].defect, ["delegate with value=any"]),
        (PassesOpaque, ["delegate with opaque_barrier=pass"]),
        (mount["LeavesTheRootOut"].defect, ["delegate with root=topmost"]),
        (mount["TornMetadata"].defect, []),
    ],
)
def test_a_mount_is_told_by_what_it_shows(merger: type[Merger], models: list[str]) -> None:
    assert seen_as(merger) == models


def test_what_is_claimed_does_not_count() -> None:
    bench = replace(bench_on(Merger), terms=Terms(delegate=False))
    assert consistent(judged(bench)) == ["delegate"]


def test_a_switched_policy_is_part_of_delegate() -> None:
    lowest = mount["FallsBackToTheLowest"].defect
    terms = Terms(delegate=True, policies=Policies(fallback="lowest"))
    assert consistent(judged(replace(bench_on(lowest), terms=terms))) == ["delegate"]


def test_one_shard_that_contradicts_is_enough() -> None:
    both = {"topmost": True, "delegate": True}
    shards = [RuleResult("MERGE-NAMES", "pass", models=both, compared=3)]
    shards += [RuleResult("MERGE-NAMES", "pass", models={**both, "delegate": False}, compared=4)]
    pooled = together("MERGE-NAMES", [*shards, RuleResult("MERGE-NAMES", "n/a")])
    assert (pooled.models, pooled.compared) == ({"topmost": True, "delegate": False}, 7)
    assert consistent([pooled]) == ["topmost"]


def test_no_mount_is_no_semantics() -> None:
    assert consistent([RuleResult("UNPACK-MARK", "pass")]) is None
