"""Checks of running systems: each can pass, and each is failed by the defect it is there for."""

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
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.registry import Terms
from dirmeta.rules.seen import Kept
from dirmeta.subjects.reference import Reference

from .miniatures.both import moves, unmarked
from .miniatures.kernels import delegating
from .miniatures.lying import Kernel, LyingLab
from .miniatures.mounts import mount
from .miniatures.stock import stock

DELEGATING = sorted({each.breaks for each in delegating.values()})
STOCK = sorted({each.breaks for each in stock.values()})

THREE_LAYERS = {"LetsTheOuterMountReadMarks": 3}
"""To differ from the inner mount the outer one has to look behind a barrier, which can be a layer between."""
NEEDS_HANDLES = {"HasNoHandle", "HandlesFollowTheSource"}
"""Show only where mounts give file handles."""


def delegating_bench(kernel: type[Kernel] = Kernel) -> Bench:
    """The model of a kernel with the feature, as `kernel` tells of it."""
    claims = frozenset({"feature"})
    conditions = Conditions(
        feature=True, delegate=True, log=True, backings=("tmpfs", "ext4"), frozen=("erofs", "squashfs")
    )
    terms = Terms(delegate=True, claims=claims)
    return Bench(LyingLab(ModelLab(), kernel), terms, conditions, mounts=claims | {"two-backings"})


@pytest.fixture(scope="module")
def host() -> Iterator[Bench]:
    try:
        bench = open_bench(Wanted(), Reference())
    except LabError as error:
        pytest.skip(str(error))
    bench.conditions = replace(bench.conditions, log=True)
    yield bench
    bench.lab.close()


def told(host: Bench, kernel: type[Kernel] = Kernel) -> Bench:
    """The host, as `kernel` tells of it."""
    return replace(host, lab=LyingLab(host.lab, kernel))


def skip_where_it_does_not_apply(rule: str, bench: Bench) -> None:
    if reason := bench.lacks(catalogue()[rule]):
        pytest.skip(reason)


def results(rule: str, bench: Bench) -> Iterator[RuleResult]:
    """What the quick profile's cases show of a rule, a result for each family and shard of it."""
    for name, family in families().items():
        if rule in family.rules and not family.unpacks and (rule != "MERGE-PRIVATE" or family.sees is Kept):
            for shard in range(family.shards):
                yield run_shard(family, name, shard, [rule], bench)[rule]


def assert_found(rule: str, bench: Bench, layers: int = 2) -> None:
    """The rule fails, with a witness that nothing can be left out of."""
    failed = next((result for result in results(rule, bench) if result.verdict == "fail"), None)
    assert failed is not None
    case = codec.from_json(failed.witnesses[0].case)
    assert len(case.stack) <= layers
    assert sum(map(len, case.stack)) <= 3


def test_every_rule_that_can_fail_is_failed_by_a_miniature() -> None:
    kinds = (mount, delegating, stock, unmarked, moves)
    broken = {each.breaks for kind in kinds for each in kind.values()}
    checked = {rule.id for rule in catalogue().values() if rule.checked and rule.status != "O"}
    assert broken == {id for id in checked if id.startswith(("MERGE-", "COMPAT-"))}


@pytest.mark.parametrize("rule", DELEGATING)
def test_a_true_account_of_delegation_passes(rule: str) -> None:
    verdicts = [(result.verdict, result.reason) for result in results(rule, delegating_bench())]
    assert [each for each in verdicts if each[0] != "pass"] == []


@pytest.mark.parametrize("rule", STOCK)
def test_a_true_account_of_the_host_passes(rule: str, host: Bench) -> None:
    skip_where_it_does_not_apply(rule, host)
    verdicts = [(result.verdict, result.reason) for result in results(rule, told(host))]
    assert [each for each in verdicts if each[0] not in ("pass", "n/a")] == []


@pytest.mark.parametrize("name", delegating)
def test_the_rule_finds_what_a_delegating_kernel_does_wrong(name: str) -> None:
    layers = THREE_LAYERS.get(name, 2)
    assert_found(delegating[name].breaks, delegating_bench(delegating[name].defect), layers)


@pytest.mark.parametrize("name", stock)
def test_the_rule_finds_what_a_stock_kernel_does_wrong(name: str, host: Bench) -> None:
    rule = stock[name].breaks
    skip_where_it_does_not_apply(rule, host)
    if name in NEEDS_HANDLES and not host.lab.limits.trusted:
        pytest.skip("overlayfs gives file handles to mounts outside of user namespaces only")
    assert_found(rule, told(host, stock[name].defect))
