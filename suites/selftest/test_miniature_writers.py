"""Checks of programs: each can pass, and each is failed by the defect it is there for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.families import families
from dirmeta.judge.family import Family
from dirmeta.judge.programs import cramped, operated
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard
from dirmeta.labs.base import Lab
from dirmeta.labs.model import ModelLab
from dirmeta.model import codec
from dirmeta.model.lookup import Merger
from dirmeta.model.writer import Writer
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.registry import Terms

from .miniatures.changes import changing
from .miniatures.leave import leave
from .miniatures.lying import LyingLab
from .miniatures.remounts import remounting
from .miniatures.renames import renaming
from .miniatures.uppermarks import upper_marks
from .miniatures.writers import writing

PROGRAMS = [name for name, family in families().items() if family.does in (operated, cramped)]
MINIATURES = {**leave, **writing, **changing, **renaming, **upper_marks, **remounting}
LAYERS = {"ReusedMarksDoNothing": 3}
"""It takes a nested overlay for the upper of another mount too, and that takes two layers below a third."""


def lab(defect: Any) -> Lab:
    """The in-memory lab with a defect: in writing, in look-ups, or in what it tells."""
    if issubclass(defect, Writer):
        return ModelLab(writer=defect)
    if issubclass(defect, Merger):
        return ModelLab(defect)
    return LyingLab(ModelLab(), defect)


def bench(defect: Any = Writer) -> Bench:
    conditions = Conditions(feature=True, delegate=True)
    claims = frozenset({"feature"})
    return Bench(lab(defect), Terms(delegate=True, claims=claims), conditions, mounts=claims, subject="model")


def all_of(name: str) -> Family:
    """A family in one shard, of four times the quick profile's cases: what is found by few of those is found
    whatever they are."""
    family = families()[name]
    return replace(family, shards=1, cases=4 * family.cases)


def results(rule: str, bench: Bench) -> dict[str, RuleResult]:
    """What programs show of a rule, for each family."""
    return {
        name: run_shard(all_of(name), name, 0, [rule], bench)[rule]
        for name in PROGRAMS
        if rule in families()[name].rules
    }


def test_every_rule_of_programs_is_failed_by_a_miniature() -> None:
    checked = {rule.id for rule in catalogue().values() if rule.family in ("ACCESS", "COPYUP")}
    assert {each.breaks for each in MINIATURES.values()} == checked


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_models_own_writing_passes(name: str) -> None:
    family = replace(families()[name], shards=1)
    judged = run_shard(family, name, 0, list(family.rules), bench()).values()
    assert [(each.rule, each.reason) for each in judged if each.verdict != "pass"] == []


@pytest.mark.parametrize("name", MINIATURES)
def test_the_rule_of_its_sentence_finds_what_is_written_wrongly(name: str) -> None:
    failed = [
        result
        for result in results(MINIATURES[name].breaks, bench(MINIATURES[name].defect)).values()
        if result.verdict == "fail"
    ]
    assert failed
    case = codec.from_json(failed[0].witnesses[0].case)
    assert len(case.stack) <= LAYERS.get(name, 2)
    assert len(case.program) <= 3
