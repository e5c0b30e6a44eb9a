"""Checks of unpackers: the reference passes each, and each is failed by the defect it is there for."""

from __future__ import annotations

import re
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
from .miniatures.shapes import drops_disguised_whiteouts, escapes_xattrs, shape
from .miniatures.storage import NOT_SHOWN, storage
from .miniatures.unpackers import Apart, process, unpacker

UNPACK = {name: family for name, family in families().items() if family.unpacks}
MINIATURES: dict[str, Miniature] = {**unpacker, **shape, **storage, **process}

LARGER = {"first_come": (2, 4), "whiteouts_take_each_other": (2, 4)}
"""Witnesses of more than two layers or three entries: to show that order decides takes two entries twice."""

NEEDS_IDS = {
    "symlinks_are_roots", "chowns_through_symlinks", "placeholder_of_the_owner",
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


def skip_where_it_can_not_show(name: str, bench: Bench) -> None:
    if name in NEEDS_IDS and bench.lab.limits.ids is not None:
        pytest.skip("files can have one owner only here")
    if name in NEEDS_TRUSTED and not bench.lab.limits.trusted:
        pytest.skip("trusted.* xattrs can not be set here")


def found(rule: str, bench: Bench) -> RuleResult:
    """What the quick profile's cases show of a rule: the first result that is bad, else the last."""
    for name, family in UNPACK.items():
        for shard in range(family.shards if rule in family.rules else 0):
            result = run_shard(family, name, shard, [rule], bench)[rule]
            if result.verdict in ("fail", "noted", "error"):
                return result
    return result


def judged(family: Family, name: str, bench: Bench, cases: int, *left_out: str) -> dict[str, RuleResult]:
    """The results of the family's rules on so few of its cases."""
    small = replace(family, cases=min(cases, family.cases), shards=1)
    rules = [rule for rule in unpack_rules(family) if rule not in left_out]
    rules = [rule for rule in rules if not bench.lacks(catalogue()[rule])]
    return run_shard(small, name, 0, rules, bench) if rules else {}


def unpack_rules(family: Family) -> list[str]:
    return [rule for rule in family.rules if rule.startswith("UNPACK-")]


def bad(results: dict[str, RuleResult], *allowed: str) -> list[tuple[str, str, str]]:
    wrong = [result for result in results.values() if result.verdict not in allowed]
    return [(result.rule, result.verdict, result.reason) for result in wrong]


def test_every_rule_that_can_fail_is_failed_by_a_miniature() -> None:
    checked = {rule.id for rule in catalogue().values() if rule.checked and rule.status != "O"}
    assert {each.breaks for each in MINIATURES.values()} == {id for id in checked if id.startswith("UNPACK-")}


def test_every_defect_of_the_proof_of_concept_has_a_miniature_or_a_reason() -> None:
    named = [re.search(r"proof of concept, (\d+)", each.sentence) for each in MINIATURES.values()]
    shown = {int(number[1]) for number in named if number}
    assert shown.isdisjoint(NOT_SHOWN)
    assert shown | set(NOT_SHOWN) == set(range(1, 14))


@pytest.mark.parametrize("name", UNPACK)
def test_the_reference_passes(name: str) -> None:
    with bench_for(Reference()) as bench:
        assert bad(judged(UNPACK[name], name, bench, 320), "pass", "observed") == []


@pytest.mark.parametrize("name", MINIATURES)
def test_the_rule_of_its_sentence_finds_it(name: str) -> None:
    rule = MINIATURES[name].breaks
    with bench_for(broken(name)) as bench:
        skip_where_it_can_not_show(name, bench)
        result = found(rule, bench)
    assert result.verdict == ("noted" if catalogue()[rule].status == "s" else "fail")
    case = codec.from_json(result.witnesses[0].case)
    layers, entries = LARGER.get(name, (2, 3))
    assert len(case.stack) <= layers
    assert sum(map(len, case.stack)) <= entries
    assert any(case.stack) or name == "marks_the_empty"


INNOCENT = [
    ("placeholder_of_today", "UNPACK-OFF"),
    ("placeholder_of_today", "UNPACK-ORDER"),
    ("symlinks_of_today", "UNPACK-ORDER"),
    ("symlinks_of_today", "UNPACK-PARALLEL"),
    ("times_at_once", "UNPACK-ONOVERLAY"),
    ("marks_in_both", "UNPACK-OFF"),
]
"""Defects, and rules that speak of something else."""


@pytest.mark.parametrize(("name", "rule"), INNOCENT)
def test_a_defect_is_not_blamed_on_other_rules(name: str, rule: str) -> None:
    with bench_for(broken(name)) as bench:
        skip_where_it_can_not_show(name, bench)
        assert found(rule, bench).verdict == "pass"


def test_escaping_forged_xattrs_is_as_good_as_dropping_them() -> None:
    with bench_for(Reference(escapes_xattrs, "escapes_xattrs")) as bench:
        assert found("UNPACK-FORGED", bench).verdict == "pass"


@pytest.mark.parametrize(
    ("tested", "deed"),
    [
        (Reference(), "becomes a whiteout"),
        (Reference(drops_disguised_whiteouts, "drops_disguised_whiteouts"), "is dropped"),
    ],
)
def test_what_becomes_of_a_whiteout_in_disguise_is_told(tested: Reference, deed: str) -> None:
    with bench_for(tested) as bench:
        result = found("UNPACK-FORGED", bench)
    assert result.verdict == "pass"
    assert result.observed.startswith(f"a char 0:0 device {deed} (")


def test_a_should_is_a_failure_where_that_is_asked_for() -> None:
    with bench_for(broken("private_placeholder"), strict=True) as bench:
        assert found("UNPACK-FALLBACK", bench).verdict == "fail"


CANNOT = {"unpack.py": (), "unpack.sh": ("UNPACK-EXACT", "UNPACK-EXACT-XATTR", "UNPACK-ORDER")}
"""What an example says at its top that it can not do."""

CLOSED = [
    name for name, family in UNPACK.items()
    if any(catalogue()[rule].status != "O" for rule in unpack_rules(family))
]  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("program", CANNOT)
def test_the_examples_keep_what_they_claim(program: str, name: str) -> None:
    if program == "unpack.sh" and not (shutil.which("tar") and shutil.which("setfattr")):
        pytest.skip("unpack.sh needs GNU tar and setfattr")
    cases = 16 if UNPACK[name].pack > 1 else 6
    with bench_for(subject(f"cmd:{locations.fixtures() / 'examples' / program}")) as bench:
        results = judged(UNPACK[name], name, bench, cases, *CANNOT[program])
    # So few cases do not always meet what a rule speaks of.
    assert bad(results, "pass", "observed", "unverified") == []
