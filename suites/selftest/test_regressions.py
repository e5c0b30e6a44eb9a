"""Named regressions: each shows its damage by its tool's model, and what its file promises of delegation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.draw import Scope
from dirmeta.judge.experiments import Conditions, Experiment, laid_out, observe
from dirmeta.judge.facts import Facts, facts
from dirmeta.judge.opening import Wanted, open_bench
from dirmeta.judge.regression_files import every
from dirmeta.judge.regressions import Regression, Sight
from dirmeta.judge.reported import Reported, reported
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard
from dirmeta.kernels.errors import KernelError
from dirmeta.labs.base import LabError
from dirmeta.labs.model import ModelLab
from dirmeta.model import codec, overlayfs
from dirmeta.model.limits import Limits
from dirmeta.model.lookup import Merger
from dirmeta.model.oracle import Place
from dirmeta.model.semantics import DEFAULT
from dirmeta.model.tree import Node, Tree
from dirmeta.model.writer import Writer
from dirmeta.rules.operated import ProgramSeen
from dirmeta.rules.registry import Terms
from dirmeta.rules.seen import StackSeen
from dirmeta.subjects import subject
from dirmeta.subjects.reference import Reference
from dirmeta.subjects.reference.unpacker import Unpacker

from .miniatures.changes import changing
from .miniatures.leave import leave
from .miniatures.mounts import mount
from .miniatures.renames import renaming
from .miniatures.shapes import shape
from .miniatures.unpackers import clear, descriptor, then, unpacker
from .miniatures.uppermarks import upper_marks
from .miniatures.writers import writing
from .worlds import skip_without

REGRESSIONS = every()
REPAIRED = [name for name, each in REGRESSIONS.items() if not each.beyond]
BEYOND = [name for name, each in REGRESSIONS.items() if each.beyond]
OPERATED = {name: each for name, each in REGRESSIONS.items() if each.case.program}
WRITERS = {**leave, **writing, **changing, **renaming, **upper_marks}


def forgets_opaque(it: Unpacker) -> None:
    """Writes no xattr for an opaque marker."""
    opaque = it.private(overlayfs.OPAQUE)
    it.place_opaque = then(  # type: ignore[method-assign]
        it.place_opaque, lambda entry: clear(descriptor(it, entry.path), opaque)
    )


BREAKING = {
    "UNPACK-PARENTS": unpacker["refuses_implied"].defect,
    "UNPACK-MARK": unpacker["marks_nothing"].defect,
    "UNPACK-EXPLICIT": unpacker["marks_what_is_there"].defect,
    "UNPACK-EXACT": unpacker["times_at_once"].defect,
    "UNPACK-OPAQUE": forgets_opaque,
    "UNPACK-FALLBACK": shape["private_placeholder"].defect,
}
"""For each rule of unpacking that a regression names, an unpacker that breaks it there."""
UNTOLD = {"guest_components_1473_root_mtime": ("",)}
"""Where a mount shows a time that is no layer's: a root without an entry was made when it was unpacked."""


class Garbles(Merger):
    """Shows directories with metadata of no layer's, without xattrs, and nothing else at all."""

    def compose(self, chosen: Place, topmost: Place) -> Node:
        return Node("directory", 0o1, 99, 99, 99)

    def _show_other(self, path: str, place: Place) -> None:
        return None


def model_bench(merger: type[Merger], limits: Limits | None = None) -> Bench:
    return Bench(
        ModelLab(merger, limits=limits),
        Terms(delegate=True, claims=frozenset({"feature"})),
        Conditions(feature=True, delegate=True),
        mounts=frozenset({"feature"}),
        subject="model",
    )


def in_memory(regression: Regression) -> Reported:
    """Its family, laid out by the suite: no unpacker runs in memory."""
    family = reported(regression)
    return family if regression.case.program else replace(family, does=laid_out)


def merging(regression: Regression) -> list[str]:
    return [rule for rule in regression.rules if rule.startswith("MERGE-")]


def verdict(regression: Regression, rule: str, writer: type[Writer]) -> str:
    """On a regression with a program, of a kernel that writes so."""
    bench = replace(model_bench(Merger), lab=ModelLab(writer=writer))
    return run_shard(reported(regression), regression.name, 0, [rule], bench)[rule].verdict


def judged(regression: Regression, merger: type[Merger]) -> dict[str, RuleResult]:
    return run_shard(in_memory(regression), regression.name, 0, merging(regression), model_bench(merger))


def verdicts(results: dict[str, RuleResult]) -> set[str]:
    return {result.verdict for result in results.values()}


# What the files say


@pytest.mark.parametrize("name", REGRESSIONS)
def test_the_oracle_has_it_as_the_file_says(name: str) -> None:
    assert REGRESSIONS[name].contradictions() == []


@pytest.mark.parametrize("name", REPAIRED)
def test_delegation_leaves_no_damage(name: str) -> None:
    seen = {sight.path for sight in REGRESSIONS[name].shows if sight.damaged != sight.delegated}
    assert seen
    assert REGRESSIONS[name].remaining() == []


@pytest.mark.parametrize("name", BEYOND)
def test_damage_beyond_delegation_stays(name: str) -> None:
    assert REGRESSIONS[name].remaining() != []


def test_some_are_repaired_and_some_are_beyond() -> None:
    assert len(REPAIRED) >= 12
    assert len(BEYOND) >= 8


def test_no_report_is_told_twice() -> None:
    """A file tells what an image shows with one kind of tool, or what can be done there."""
    told = [(each.reports, each.semantics, bool(each.case.program)) for each in REGRESSIONS.values()]
    reports = [(report, *how) for reports, *how in told for report in reports]
    assert len(reports) == len(set(reports))


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_wrong_expectation_is_found(name: str) -> None:
    regression, wrong = REGRESSIONS[name], facts({"mode": 0o4321})
    shows = tuple(replace(sight, damaged=wrong, delegated=wrong) for sight in regression.shows)
    found = replace(regression, shows=shows).contradictions()
    for who in ("damaged", "delegated"):
        told = [line for line in found if f"{who} is mode 4321, and the oracle has mode" in line]
        assert len(told) == len(shows)


def test_damage_that_stays_is_told() -> None:
    regression = REGRESSIONS["buildah_6503_tmp_sticky"]
    stays = Sight("tmp", facts({"mode": 0o1777}), facts({"mode": 0o1777}))
    assert replace(regression, shows=(stays,)).remaining() == ["tmp"]


# What a lab makes of them


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_mount_that_delegates_passes(name: str) -> None:
    assert verdicts(judged(REGRESSIONS[name], Merger)) <= {"pass"}


@pytest.mark.parametrize("name", [name for name in REPAIRED if merging(REGRESSIONS[name])])
def test_a_mount_that_ignores_marks_fails(name: str) -> None:
    regression = REGRESSIONS[name]
    if all(rule == "MERGE-FALLBACK" for rule in merging(regression)):
        pytest.skip("no layer below has the directory: the placeholder is what repairs it")
    failed = [each for each in judged(regression, mount["IgnoresMarks"].defect).values() if each.witnesses]
    assert {result.verdict for result in failed} == {"fail"}
    [witness] = failed[0].witnesses
    assert witness.note == f"as reported in {', '.join(regression.reports)}: {regression.title}"
    assert codec.from_json(witness.case).stack == regression.case.stack


@pytest.mark.parametrize("name", [name for name in REGRESSIONS if merging(REGRESSIONS[name])])
def test_each_rule_of_merging_has_something_to_say(name: str) -> None:
    assert verdicts(judged(REGRESSIONS[name], Garbles)) == {"fail"}


@pytest.mark.parametrize(
    ("name", "rule"), [(name, rule) for name in OPERATED for rule in OPERATED[name].rules]
)
def test_each_rule_of_a_program_has_something_to_say(name: str, rule: str) -> None:
    assert verdict(OPERATED[name], rule, Writer) == "pass"
    writers = [each.defect for each in WRITERS.values() if each.breaks == rule]
    assert "fail" in {verdict(OPERATED[name], rule, writer) for writer in writers}


def test_each_rule_of_unpacking_has_an_unpacker_that_breaks_it() -> None:
    named = {rule for each in REGRESSIONS.values() for rule in each.rules if rule.startswith("UNPACK-")}
    assert named == BREAKING.keys()


@pytest.mark.parametrize("rule", BREAKING)
def test_each_rule_of_unpacking_has_something_to_say(rule: str) -> None:
    with_it = {name: each for name, each in REGRESSIONS.items() if rule in each.rules}
    passing = unpacked_by(Reference(), rule, with_it)
    if not passing:
        pytest.skip("what names it belongs to others than root, whom nobody is here")
    assert set(passing.values()) == {"pass"}
    assert unpacked_by(Reference(BREAKING[rule], rule), rule, with_it) == dict.fromkeys(passing, "fail")


def unpacked_by(tested: Reference, rule: str, named: dict[str, Regression]) -> dict[str, str]:
    """Name → verdict on a rule, of those that can be done here."""
    bench = open_bench(Wanted(strict=True), tested)
    try:
        results = {
            name: run_shard(reported(regression), name, 0, [rule], bench)[rule]
            for name, regression in named.items()
        }
    finally:
        bench.lab.close()
    return {name: result.verdict for name, result in results.items() if result.verdict != "n/a"}


def told(regression: Regression, bench: Bench) -> list[tuple[str, Facts]]:
    """What the file says of a mount here, by path; nothing of a tool whose model is another one."""
    if bench.terms.delegate:
        said = [(sight.path, sight.delegated) for sight in regression.shows]
    elif regression.semantics == "topmost":
        said = [(sight.path, sight.damaged) for sight in regression.shows]
    else:
        said = []
    return [each for each in said if each[0] not in UNTOLD.get(regression.name, ())]


def as_done(regression: Regression, family: Reported, bench: Bench) -> Experiment:
    """Its experiment; without the feature, and where the tool has placeholders of its own, on layers that it
    has unpacked so."""
    if bench.terms.delegate or regression.policies == DEFAULT:
        return family.does
    assert not regression.case.program
    return partial(laid_out, tools=regression.policies)


def shown_in_the_end(seen: StackSeen | ProgramSeen) -> Tree:
    if isinstance(seen, StackSeen):
        return seen.merged or {}
    return next((step.view for step in reversed(seen.steps) if step.view is not None), seen.view)


@pytest.mark.parametrize("kernel", ["host", "uml:6.12+dirmeta"])
def test_a_real_mount_shows_what_the_files_say(kernel: str) -> None:
    try:
        bench = open_bench(Wanted(kernel=kernel), subject("reference"))
    except LabError as why:
        skip_without(why)
    except KernelError as why:
        pytest.skip(str(why))
    wrong, looks = [], 0
    try:
        for name, regression in REGRESSIONS.items():
            family = reported(regression)
            assert isinstance(family.draws, Scope)
            for case in () if family.lacks(bench.lab.limits) else family.draws.every(bench.lab.limits):
                does = as_done(regression, family, bench)
                shown = shown_in_the_end(observe(does, case, bench.conditions, bench.lab))
                for path, fact in told(regression, bench):
                    looks += 1
                    if unlike := fact.unlike(shown.get(path)):
                        wrong.append(f"{name}: {path or '.'}: {fact}, and there is {unlike}")
    finally:
        bench.lab.close()
    assert wrong == []
    assert looks >= 4
