"""Checks of kernels that are switched: each can pass, and is failed by the defects it is there for."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.families import families
from dirmeta.judge.opening import Wanted, open_bench
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard
from dirmeta.labs.base import LabError
from dirmeta.labs.model import ModelLab
from dirmeta.model import codec
from dirmeta.rules.registry import Terms
from dirmeta.subjects.reference import Reference

from .miniatures.both import Model, Pretending, moves, unmarked
from .miniatures.lying import Kernel, LyingLab


@pytest.fixture(scope="module")
def host() -> Iterator[Bench]:
    try:
        bench = open_bench(Wanted(), Reference())
    except LabError as error:
        pytest.skip(str(error))
    yield bench
    bench.lab.close()


def pretending(host: Bench, kernel: type[Kernel] = Kernel) -> Bench:
    """The host as one with the feature, as `kernel` tells of it."""
    conditions = replace(host.conditions, feature=True, delegate=True)
    return replace(host, lab=LyingLab(Pretending(host.lab), kernel), conditions=conditions)


def modelled(model: type[Model] = Model) -> Bench:
    lab = LyingLab(ModelLab(model.merger), model.kernel)
    return Bench(lab, Terms(delegate=True), Conditions(feature=True, delegate=True))


def result(rule: str, bench: Bench) -> RuleResult:
    [(name, family)] = [each for each in families().items() if rule in each[1].rules]
    return run_shard(family, name, 0, [rule], bench)[rule]


def size_of_witness(failed: RuleResult) -> tuple[int, int]:
    """(layers, entries)"""
    case = codec.from_json(failed.witnesses[0].case)
    return len(case.stack), sum(map(len, case.stack))


def test_the_host_behaves_alike_both_ways(host: Bench) -> None:
    passed = result("COMPAT-UNMARKED", pretending(host))
    assert (passed.verdict, passed.reason) == ("pass", "")


def test_the_model_moves_as_its_rule_says() -> None:
    passed = result("COMPAT-MOVE", modelled())
    assert (passed.verdict, passed.reason) == ("pass", "")


@pytest.mark.parametrize("name", unmarked)
def test_what_is_otherwise_without_marks_is_found(name: str, host: Bench) -> None:
    failed = result(unmarked[name].breaks, pretending(host, unmarked[name].defect))
    assert failed.verdict == "fail"
    assert size_of_witness(failed) <= (2, 2)


@pytest.mark.parametrize("name", moves)
def test_what_goes_wrong_in_a_move_is_found(name: str) -> None:
    failed = result(moves[name].breaks, modelled(moves[name].defect))
    assert failed.verdict == "fail"
    assert size_of_witness(failed) <= (2, 3)
