"""Deviations that are expected: excused where they are the same, failed where not, stale when gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.expectations import Expectation
from dirmeta.judge.expected import Expected
from dirmeta.judge.expecting import expected
from dirmeta.judge.families import families
from dirmeta.judge.opening import Wanted, open_bench
from dirmeta.judge.results import RuleResult, together
from dirmeta.judge.runner import run_shard
from dirmeta.judge.updating import updated
from dirmeta.model import listing
from dirmeta.subjects.reference import Reference, Unpacker

from .miniatures.unpackers import unpacker

RULE = "UNPACK-EXACT"
FAMILY = "unpack/test_wellformed::layers"
RETIMED = "layer 1  d/\n         d/f"
"""What `times_at_once` does wrong, at its smallest."""
STRIPPED = "layer 1  d/ 7777"
"""And `nine_bits`."""

Defect = Callable[[Unpacker], None]
times_at_once: Defect = unpacker["times_at_once"].defect
nine_bits: Defect = unpacker["nine_bits"].defect


def both(it: Unpacker) -> None:
    times_at_once(it)
    nine_bits(it)


def unbroken(it: Unpacker) -> None:
    """Changes nothing."""


def entry(witness: str, rule: str = RULE, versions: str = "") -> Expectation:
    return Expectation(rule, "It is so.", "https://example.org", versions, "", listing.parse(witness))


@contextmanager
def bench_of(defect: Defect, *entries: Expectation, **wanted: tuple[str, ...]) -> Iterator[Bench]:
    subject = Reference(defect, "miniature")
    bench = open_bench(Wanted(**wanted), subject)  # type: ignore[arg-type]
    try:
        bench.expected = expected(bench, subject, entries, {RULE, "UNPACK-FORGED"})
        yield bench
    finally:
        bench.lab.close()


def skip_where_nothing_is_stale(bench: Bench) -> None:
    if bench.lab.limits.ids is not None:
        pytest.skip("files can not have every owner here, and nothing counts as stale")


def judged(bench: Bench, cases: int = 160) -> RuleResult:
    """What becomes of the rule on some drawn cases, as a run puts it together."""
    few = replace(families()[FAMILY], cases=cases, shards=1)
    result = run_shard(few, FAMILY, 0, [RULE], bench)[RULE]
    return together(RULE, [bench.expected.applied(result)])


def of(defect: Defect, *entries: Expectation) -> RuleResult:
    with bench_of(defect, *entries) as bench:
        return judged(bench)


def test_what_is_not_expected_fails() -> None:
    assert of(times_at_once).verdict == "fail"


def test_a_deviation_with_a_witness_is_expected_and_says_why() -> None:
    result = of(times_at_once, entry(RETIMED))
    assert (result.verdict, result.reason) == ("expected", "It is so. https://example.org")
    [witness] = result.witnesses
    assert witness.where.startswith("d ")
    assert result.cases >= 160


def test_the_same_rule_broken_in_another_way_fails() -> None:
    result = of(both, entry(RETIMED))
    assert result.verdict == "fail"
    [witness] = result.witnesses
    want, saw = witness.want.split(), witness.saw.split()
    assert want[0] != saw[0], "the mode, not the time that is expected"


def test_one_rule_can_have_several() -> None:
    assert of(both, entry(RETIMED), entry(STRIPPED)).verdict == "expected"


def test_the_same_thing_wrong_at_another_place_fails() -> None:
    late = "layer 1  d/f\n         ./d/ 1969-12-31 12:00:00 xattr user.a=1\n         d/g"
    assert of(times_at_once, entry(late)).verdict == "fail"


def test_a_deviation_is_expected_though_no_drawn_case_shows_it() -> None:
    with bench_of(times_at_once, entry(RETIMED)) as bench:
        passed = RuleResult(RULE, "pass", cases=1)
        assert together(RULE, [bench.expected.applied(passed)]).verdict == "expected"
        unverified = RuleResult(RULE, "unverified", cases=1)
        assert together(RULE, [bench.expected.applied(unverified)]).verdict == "unverified"


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (entry(STRIPPED), "entry 2: its witness does not break UNPACK-EXACT any more; "),
        (
            entry("layer 1  d/", "UNPACK-FORGED"),
            "entry 2: its witness does not break UNPACK-FORGED any more; ",
        ),
    ],
)
def test_an_entry_that_shows_nothing_any_more_is_stale(gone: Expectation, words: str) -> None:
    with bench_of(times_at_once, entry(RETIMED), gone) as bench:
        skip_where_nothing_is_stale(bench)
        line = bench.expected.stale[gone.rule]
    assert line.startswith(f"fixtures/subjects/miniature.toml: {words}")
    assert line.endswith("dirmeta run --subject miniature --update-expectations drops it")


def test_an_entry_of_a_rule_that_does_not_apply_is_stale() -> None:
    subject = Unable(times_at_once, "miniature")
    bench = open_bench(Wanted(), subject)
    try:
        entries = [entry("layer 1  d/f", "UNPACK-MARK")]
        known = expected(bench, subject, entries, {"UNPACK-MARK"})
    finally:
        bench.lab.close()
    assert (
        "UNPACK-MARK does not apply any more: the subject does not claim the feature"
        in known.stale["UNPACK-MARK"]
    )


class Unable(Reference):
    """A reference that says it has not the feature."""

    claims = frozenset(("whiteouts",))


def test_other_versions_and_rules_that_are_not_judged_are_left_alone() -> None:
    with bench_of(times_at_once, entry(STRIPPED, versions="<1"), entry(STRIPPED, "UNPACK-NAMES")) as bench:
        assert bench.expected == Expected()


def test_a_switched_rule_makes_no_entry_stale() -> None:
    forged = entry('layer 1  f xattr user.overlay.impure="y"', "UNPACK-FORGED")
    with bench_of(unbroken, forged) as bench:
        skip_where_nothing_is_stale(bench)
        assert "UNPACK-FORGED" in bench.expected.stale
    with bench_of(unbroken, forged, policies=("forged=keep",)) as bench:
        assert bench.expected == Expected()


def learned(defect: Defect, entries: Iterable[Expectation] = ()) -> tuple[Expectation, ...]:
    """The entries as they are after a run that updates them."""
    subject = Reference(defect, "miniature")
    with bench_of(defect, *entries) as bench:
        if entries:
            skip_where_nothing_is_stale(bench)
        bench.expected = replace(bench.expected, stale={}, learning=True)
        result = judged(bench)
        assert result.verdict in ("pass", "expected")
        return updated(bench, subject, entries, result.deviations, {RULE}).entries


def test_what_is_learned_is_all_that_a_run_shows_and_small() -> None:
    entries = learned(both)
    assert of(both, *entries).verdict == "expected"
    assert all(len(each.case.stack) == 1 and len(each.case.stack[0]) <= 3 for each in entries)
    assert len(entries) <= 8
    assert {each.reason for each in entries} == {""}


def test_an_update_keeps_what_is_so_and_drops_what_is_not() -> None:
    kept, gone = entry(RETIMED), entry("layer 1  d/ 0700")
    other = entry(STRIPPED, versions="<0")
    after = learned(both, [kept, gone, other])
    assert after[:1] == (kept,)
    assert gone not in after
    assert of(both, *after).verdict == "expected"
