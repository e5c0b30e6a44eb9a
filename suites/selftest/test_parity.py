"""Checks of parity: each can pass, and each is failed by the defect it is there for."""

from dataclasses import replace

import pytest

from dirmeta.generate import parity as stacks
from dirmeta.generate import strategies
from dirmeta.generate.features import features
from dirmeta.judge import engines
from dirmeta.judge.bench import Bench
from dirmeta.judge.draw import feed
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.families import families
from dirmeta.judge.family import Family
from dirmeta.judge.parity import Beside, here
from dirmeta.judge.results import RuleResult, together
from dirmeta.judge.runner import run_shard
from dirmeta.labs.base import LabError
from dirmeta.model import codec
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.listing import parse
from dirmeta.model.lookup import Merger
from dirmeta.model.semantics import Policies
from dirmeta.model.stack import Case, Layer
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.parity import contradictions, emptied_late
from dirmeta.rules.registry import Terms

from .miniatures.parity import UnpackingLab, parity
from .worlds import skip_without

TAR = "sequential:tar"
OPEN = ("PARITY-SYMLINK", "PARITY-NONDIR", "PARITY-ROOTOPQ")
CLAIMS = frozenset({"feature", "whiteouts"})
# The drivers of real tools are asked in runs; here the plain one has to do.
PARITY = {
    name: family
    for name, family in families().items()
    if name.startswith("parity/") and (not isinstance(family.does, Beside) or family.does.engine == TAR)
}
JUDGED = sorted({rule for family in PARITY.values() for rule in family.rules} - {*OPEN})


def bench_on(merger: type[Merger] = Merger, policies: Policies = Policies()) -> Bench:  # noqa: B008  immutable
    return Bench(
        UnpackingLab(merger, limits=here(Limits())),
        Terms(delegate=True, claims=CLAIMS, policies=policies),
        Conditions(feature=True, delegate=True, policies=policies),
        unpacks=CLAIMS,
        mounts=frozenset({"feature", "two-kernels"}),
        subject="the oracle",
    )


def small(family: Family) -> Family:
    return replace(family, cases=min(family.cases, 64))


def result(rule: str, bench: Bench) -> RuleResult:
    """What the first family of a rule comes to."""
    name, family = next((name, family) for name, family in PARITY.items() if rule in family.rules)
    try:
        return run_shard(small(family), name, 0, [rule], bench)[rule]
    except LabError as why:
        skip_without(why)


@pytest.fixture(autouse=True, scope="module")
def tar() -> None:
    if why := engines.lacking(TAR):
        pytest.skip(why)


@pytest.mark.parametrize("rule", JUDGED)
def test_the_oracles_own_view_passes(rule: str) -> None:
    told = result(rule, bench_on())
    assert (told.verdict, told.reason) == ("pass", "")


@pytest.mark.parametrize("name", parity)
def test_the_rule_of_its_sentence_finds_it(name: str) -> None:
    told = result(parity[name].breaks, bench_on(parity[name].defect))
    assert told.verdict == "fail"
    case = codec.from_json(told.witnesses[0].case)
    assert (len(case.stack), sum(map(len, case.stack))) <= (2, 3)


def test_every_rule_of_parity_that_can_fail_is_failed_by_a_miniature() -> None:
    checked = {each.id for each in catalogue().values() if each.checked and each.family == "PARITY"}
    assert {each.breaks for each in parity.values()} == checked - {*OPEN} == {*JUDGED}


@pytest.mark.parametrize(
    ("rule", "happened"),
    [
        ("PARITY-OPAQUE", "the mount shows the marker's own directory, not the entry below"),
        ("PARITY-SYMLINK", f"the mount shows a directory, {TAR} a symlink"),
        ("PARITY-NONDIR", f"the mount shows a directory, {TAR} refuses the layers"),
        ("PARITY-ROOTOPQ", f"the mount shows what lies below, {TAR} shows nothing of it"),
    ],
)
def test_what_is_open_is_told(rule: str, happened: str) -> None:
    told = result(rule, bench_on())
    assert happened in (told.observed or told.reason)


def test_a_policy_switches_whether_times_are_compared() -> None:
    told = result("PARITY-DRIVERS", bench_on(parity["StaleTime"].defect, Policies(parity_mtime="ignore")))
    assert told.verdict == "pass"


def test_a_policy_switches_where_an_opaque_directory_ends_the_search() -> None:
    passing = bench_on(parity["LooksThroughOpaque"].defect, Policies(opaque_barrier="pass"))
    assert result("PARITY-OPAQUE", passing).verdict == "pass"
    assert result("PARITY-OPAQUE", bench_on(policies=Policies(opaque_barrier="pass"))).verdict == "fail"


def test_it_is_told_what_the_overlay_was_compared_with() -> None:
    told = result("PARITY-DRIVERS", bench_on())
    assert told.observed.startswith(f"compared with {TAR} (")


def test_without_a_driver_the_rule_of_drivers_is_unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    name, driver = next(
        (name, family)
        for name, family in families().items()
        if isinstance(family.does, Beside) and family.does.engine == "umoci"
    )
    monkeypatch.setattr(engines, "lacking", lambda spec: f"{spec} is not installed")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(engines, "in_user_namespace", lambda: False)
    [told] = run_shard(driver, name, 0, ["PARITY-DRIVERS"], bench_on()).values()
    assert told.verdict == "unverified"
    assert told.reason.startswith("compared with no storage driver, as none is here: btrfs:tar, ")
    assert together("PARITY-DRIVERS", [told, replace(told, verdict="pass", reason="")]) == told
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert driver.misses() == ""


def test_both_sides_have_to_claim_the_feature() -> None:
    rule, bench = catalogue()["PARITY-DRIVERS"], bench_on()
    assert bench.lacks(rule) == ""
    stock = replace(bench, mounts=frozenset({"no-feature"}))
    assert stock.lacks(rule) == "kernel model does not claim the feature"
    plain = replace(bench, unpacks=frozenset({"whiteouts"}))
    assert plain.lacks(rule) == "the oracle does not claim the feature"
    assert plain.lacks(catalogue()["PARITY-CHUNKAH"]) == ""


def drawn(count: int = 60) -> list[Case]:
    found: list[tuple[Case, ...]] = []
    feed(strategies.batches(count=30), -(-count // 30), 5, found.append)
    return [case for batch in found for case in batch]


def test_what_is_made_of_a_stack_is_well_formed_and_has_what_it_is_for() -> None:
    limits = Limits()
    for case in drawn():
        agreeing, base = stacks.agreeing(case), stacks.over_a_base(case, limits)
        two, explicit = stacks.over_two_bases(case, limits), stacks.with_all_parents(case, limits)
        made = (agreeing, base, two, explicit, stacks.over_others(case), stacks.unreplaced(case))
        assert [each.malformed for each in made] == [""] * len(made)
        assert contradictions(agreeing.stack) == frozenset()
        assert {entry.mtime for entry in base.stack[0]} <= {0}
        assert not any(layer.explicit for layer in base.stack[1:])
        assert two.stack[0].explicit.keys() == two.stack[1].explicit.keys() == two.stack[2].implied
        assert not any(layer.implied for layer in explicit.stack)


def test_what_is_made_plainer_has_the_same_directories() -> None:
    for case in drawn(30):
        plain = stacks.plainer(case.stack)
        assert [layer.implied for layer in plain] == [layer.implied for layer in case.stack]
        assert {entry.kind for layer in plain for entry in layer} <= {
            "directory", "file", "symlink", "hardlink", "whiteout", "opaque"
        }  # fmt: skip


def test_a_root_marker_is_added_once() -> None:
    once = stacks.with_a_root_marker(Case((Layer((Entry("a", "file"),)),)))
    assert stacks.with_a_root_marker(once) == once
    assert "root opaque marker" in features(once)


@pytest.mark.parametrize(
    ("layer", "where"),
    [
        ("layer 1  a/b/c/ 0700\n         a/.wh..wh..opq", {"a"}),
        ("layer 1  a/b/ 0700\n         a/b/c/ 0700\n         a/.wh..wh..opq", set()),
        ("layer 1  a/.wh..wh..opq\n         a/b/c/ 0700", set()),
        ("layer 1  d/b/c/ 0700\n         a/.wh..wh..opq", set()),
    ],
)
def test_where_appliers_remove_what_they_have_just_made(layer: str, where: set[str]) -> None:
    assert emptied_late(parse(layer).stack) == where
