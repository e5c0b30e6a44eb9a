"""Laws of the machinery: what holds whatever the cases, subjects and mounts are."""

from collections.abc import Iterator

import pytest

from dirmeta.generate.features import FEATURES
from dirmeta.generate.packing import pack
from dirmeta.judge.bench import Bench
from dirmeta.judge.draw import Batch, Scope, feed
from dirmeta.judge.experiments import Conditions, has_given_up, observe
from dirmeta.judge.families import families
from dirmeta.judge.family import Family
from dirmeta.judge.packs import split
from dirmeta.judge.runner import run_shard
from dirmeta.labs.base import Lab
from dirmeta.labs.host import HostLab
from dirmeta.labs.model import ModelLab
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.registry import CHECKS, SIGHTS, Terms, Trial
from dirmeta.subjects.reference import Reference

from .miniatures.mounts import mount
from .miniatures.unpackers import unpacker

UNPACKERS = ("late_entry_keeps_mark", "nine_bits", "marks_the_deepest", "copies_hardlinks")
MOUNTS = ("StopsAfterOne", "TornMetadata", "LooksThroughOpaque", "ListsTheMark", "HidesMarkedFiles")


def batches(family: Family, lab: Lab, count: int) -> list[Batch]:
    assert not isinstance(family.draws, Scope)
    drawn: list[Batch] = []
    feed(family.draws(lab.limits, family.pack), count, 1, drawn.append)
    return drawn


def broken_rules(family: Family, case: Case, seen: object, terms: Terms) -> set[str]:
    trial = Trial(case, seen, terms)
    checks = [family.check(rule) for rule in family.rules]
    return {check.rule for check in checks if check.judge and next(check.judge(trial), None)}


def assert_packed_is_single(family: Family, lab: Lab, conditions: Conditions, terms: Terms) -> set[str]:
    """Assert the law on a few batches; the rules that were broken."""
    broken: set[str] = set()
    for batch in batches(family, lab, 3):
        seen = observe(family.does, pack(batch), conditions, lab)
        if has_given_up(seen):  # such packs are done again case by case
            continue
        parts = split(seen, len(batch), [len(case.stack) for case in batch])
        for case, part in zip(batch, parts, strict=True):
            packed = broken_rules(family, case, part, terms)
            single = broken_rules(family, case, observe(family.does, case, conditions, lab), terms)
            assert packed == single
            broken |= single
    return broken


@pytest.mark.parametrize("name", UNPACKERS)
def test_the_packed_verdict_on_an_unpacker_is_the_single_one(name: str) -> None:
    family = families()["unpack/test_wellformed::layers"]
    with HostLab(Reference(unpacker[name].defect, name)) as lab:
        terms = Terms(claims=Reference.claims)
        assert unpacker[name].breaks in assert_packed_is_single(family, lab, Conditions(), terms)


@pytest.mark.parametrize("name", MOUNTS)
def test_the_packed_verdict_on_a_mount_is_the_single_one(name: str) -> None:
    family = families()["merge/test_source::source"]
    conditions = Conditions(feature=True, delegate=True)
    assert_packed_is_single(family, ModelLab(mount[name].defect), conditions, Terms(delegate=True))


def needs() -> Iterator[tuple[str, str]]:
    return ((check.rule, feature) for check in CHECKS.values() for feature in check.needs)


def test_every_precondition_is_a_feature_that_is_counted() -> None:
    assert {feature for _, feature in needs()} <= FEATURES | SIGHTS
    assert FEATURES.isdisjoint(SIGHTS)


def test_every_rule_that_is_checked_has_a_check_and_a_family() -> None:
    checked = {name for name, rule in catalogue().items() if rule.checked}
    assert {rule for rule, _ in CHECKS} == checked
    assert {rule for family in families().values() for rule in family.rules} == checked


def test_the_quick_profile_draws_the_same_cases_every_time() -> None:
    lab = ModelLab()
    for name in (
        "unpack/test_wellformed::layers",
        "merge/test_source::source",
        "unpack/test_hostile::escapes",
    ):
        assert batches(families()[name], lab, 2) == batches(families()[name], lab, 2)


def test_a_bounded_run_draws_as_many_cases_as_it_may() -> None:
    name = "merge/test_unchanged::names"
    terms, conditions = Terms(delegate=True), Conditions(feature=True, delegate=True)
    bench = Bench(ModelLab(), terms, conditions, mounts=frozenset({"feature"}), examples=16)
    assert run_shard(families()[name], name, 0, ["MERGE-NAMES"], bench)["MERGE-NAMES"].cases >= 16
