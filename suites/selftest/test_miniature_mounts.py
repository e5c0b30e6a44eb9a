"""Checks of merged views: each can pass, and each is failed by the defect it is there for."""

from dataclasses import replace

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.families import families
from dirmeta.judge.family import Family
from dirmeta.judge.runner import run_shard
from dirmeta.labs.model import ModelLab
from dirmeta.model import codec
from dirmeta.model.lookup import Merger
from dirmeta.rules.registry import Terms
from dirmeta.rules.seen import StackSeen, Views

from .miniatures.mounts import mount

# What only a running system shows; judged in labs that have one.
RUNNING = ("MERGE-INO", "MERGE-PRIVATE", "MERGE-UNREADABLE")
MERGE = [name for name in families() if name.startswith("merge/")]


def bench_on(merger: type[Merger]) -> Bench:
    conditions = Conditions(feature=True, delegate=True, backings=("tmpfs", "ext4"))
    terms = Terms(delegate=True, claims=frozenset({"feature"}))
    return Bench(ModelLab(merger), terms, conditions, mounts=frozenset({"feature"}), subject="model")


def small(family: Family) -> Family:
    return replace(family, cases=min(family.cases, 480), shards=1)


@pytest.mark.parametrize("name", MERGE)
def test_the_oracles_own_view_passes(name: str) -> None:
    family = families()[name]
    rules = [rule for rule in family.rules if rule not in RUNNING and rule.startswith("MERGE-")]
    results = run_shard(small(family), name, 0, rules, bench_on(Merger)).values()
    assert [(result.rule, result.reason) for result in results if result.verdict != "pass"] == []


@pytest.mark.parametrize("name", mount)
def test_the_rule_of_its_sentence_finds_it(name: str) -> None:
    rule = mount[name].breaks
    judging = {
        group: family for group, family in families().items()
        if rule in family.rules and group in MERGE and family.sees in (StackSeen, Views)
    }  # fmt: skip
    results = {
        group: run_shard(small(family), group, 0, [rule], bench_on(mount[name].defect))[rule]
        for group, family in judging.items()
    }
    failed = {group: result for group, result in results.items() if result.verdict == "fail"}
    assert {judging[group].sees for group in failed} == {family.sees for family in judging.values()}
    case = codec.from_json(next(iter(failed.values())).witnesses[0].case)
    if rule == "MERGE-DEPTH":
        assert len(case.stack) == 101  # a hundred marked ones, and the one that is not reached
    else:
        assert len(case.stack) <= 3
        assert sum(map(len, case.stack)) <= 4
