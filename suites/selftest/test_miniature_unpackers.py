"""Checks of unpackers: the reference passes each, and each is failed by the defect it is there for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from dirmeta import locations
from dirmeta.judge.bench import Bench
from dirmeta.judge.families import families
from dirmeta.judge.family import Family
from dirmeta.judge.opening import Wanted, open_bench
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard
from dirmeta.model import codec
from dirmeta.rules.catalogue import catalogue
from dirmeta.subjects import Subject, subject
from dirmeta.subjects.reference import Reference

from .miniatures import Miniature
from .miniatures.shapes import shape
from .miniatures.unpackers import Apart, process, unpacker

UNPACK = {name: family for name, family in families().items() if family.unpacks}
MINIATURES: dict[str, Miniature] = {**unpacker, **shape, **process}

LARGER = {"first_come": (2, 4)}
"""Witnesses of more than two layers or three entries: to show that order decides takes two entries twice."""

NEEDS_IDS = {
    "symlinks_are_roots", "inherits_setgid", "chowns_through_symlinks", "placeholder_of_the_owner",
}  # fmt: skip
"""Show only where more than one owner is to be had."""
NEEDS_TRUSTED = {"marks_symlinks", "marks_in_both", "namespace_of_who_unpacks"}
"""Show only where trusted.* xattrs can be set."""


@contextmanager
def bench_for(tested: Subject, **wanted: bool) -> Iterator[Bench]:
    bench = open_bench(Wanted(**wanted), tested)  # type: ignore[arg-type]
    try:
        assert bench.broken == ""
        yield bench
    finally:
        bench.lab.close()


def broken(name: str) -> Reference:
    return (Apart if name in process else Reference)(MINIATURES[name].defect, name)


def found(rule: str, bench: Bench) -> RuleResult:
    """What the quick profile's cases show of a rule: the first result that is bad, else the last."""
    for name, family in UNPACK.items():
        for shard in range(family.shards if rule in family.rules else 0):
            result = run_shard(family, name, shard, [rule], bench)[rule]
            if result.verdict in ("fail", "noted", "error"):
                return result
    return result


def few(family: Family, cases: int) -> Family:
    return replace(family, cases=min(cases, family.cases), shards=1)


def bad(results: dict[str, RuleResult], *allowed: str) -> list[tuple[str, str, str]]:
    wrong = [result for result in results.values() if result.verdict not in allowed]
    return [(result.rule, result.verdict, result.reason) for result in wrong]


def test_every_rule_that_can_fail_is_failed_by_a_miniature() -> None:
    checked = {rule.id for rule in catalogue().values() if rule.checked and rule.status != "O"}
    assert {each.breaks for each in MINIATURES.values()} == {id for id in checked if id.startswith("UNPACK-")}


@pytest.mark.parametrize("name", UNPACK)
def test_the_reference_passes(name: str) -> None:
    family = few(UNPACK[name], 320)
    with bench_for(Reference()) as bench:
        rules = [rule for rule in family.rules if rule.startswith("UNPACK-")]
        rules = [rule for rule in rules if not bench.lacks(catalogue()[rule])]
        assert bad(run_shard(family, name, 0, rules, bench), "pass", "observed") == []


@pytest.mark.parametrize("name", MINIATURES)
def test_the_rule_of_its_sentence_finds_it(name: str) -> None:
    rule = MINIATURES[name].breaks
    with bench_for(broken(name)) as bench:
        if name in NEEDS_IDS and bench.lab.limits.ids is not None:
            pytest.skip("files can have one owner only here")
        if name in NEEDS_TRUSTED and not bench.lab.limits.trusted:
            pytest.skip("trusted.* xattrs can not be set here")
        result = found(rule, bench)
    assert result.verdict == ("noted" if catalogue()[rule].status == "s" else "fail")
    case = codec.from_json(result.witnesses[0].case)
    layers, entries = LARGER.get(name, (2, 3))
    assert len(case.stack) <= layers
    assert sum(map(len, case.stack)) <= entries
    assert any(case.stack) or name == "marks_the_empty"


def test_a_should_is_a_failure_where_that_is_asked_for() -> None:
    with bench_for(broken("private_placeholder"), strict=True) as bench:
        assert found("UNPACK-FALLBACK", bench).verdict == "fail"


CANNOT = ("UNPACK-EXACT", "UNPACK-EXACT-XATTR", "UNPACK-ORDER")
"""What unpack.sh says at its top that it can not do."""


@pytest.mark.parametrize("name", UNPACK)
@pytest.mark.parametrize("program", ["unpack.py", "unpack.sh"])
def test_the_examples_keep_what_they_claim(program: str, name: str) -> None:
    if program == "unpack.sh" and not (shutil.which("tar") and shutil.which("setfattr")):
        pytest.skip("unpack.sh needs GNU tar and setfattr")
    family = few(UNPACK[name], 16 if UNPACK[name].pack > 1 else 6)
    with bench_for(subject(f"cmd:{locations.fixtures() / 'examples' / program}")) as bench:
        rules = [rule for rule in family.rules if rule.startswith("UNPACK-")]
        rules = [rule for rule in rules if not bench.lacks(catalogue()[rule])]
        if program == "unpack.sh":
            rules = [rule for rule in rules if rule not in CANNOT]
        results = run_shard(family, name, 0, rules, bench) if rules else {}
    # So few cases do not always meet what a rule speaks of.
    assert bad(results, "pass", "observed", "unverified") == []
