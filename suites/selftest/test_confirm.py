"""Confirming and reducing are bounded; what may not be minimal says so; what others log is no witness."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from dirmeta.judge import noise
from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import Conditions, encoded
from dirmeta.judge.families import families
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import HANGS, run_shard
from dirmeta.labs.base import LabError
from dirmeta.labs.model import ModelLab
from dirmeta.model import codec
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Layer
from dirmeta.observe.executor import NOT_TRIED
from dirmeta.observe.steps import Job, Unpack, Unpacked
from dirmeta.rules.registry import Terms

from .miniatures.lying import Kernel, LyingLab
from .miniatures.mounts import mount
from .miniatures.unpackers import SECONDS, Apart, process
from .test_miniature_unpackers import bench_for

HANGING = "hangs_on_implied"
UNPACKING = "unpack/test_wellformed::layers"
MERGING = "merge/test_source::source"
STOCK = "compat/test_noop::noop"


def unpacked(bench: Bench) -> RuleResult:
    return run_shard(families()[UNPACKING], UNPACKING, 0, ["UNPACK-PARENTS"], bench)["UNPACK-PARENTS"]


def merged(bench: Bench) -> RuleResult:
    return run_shard(families()[MERGING], MERGING, 0, ["MERGE-SOURCE"], bench)["MERGE-SOURCE"]


def merging() -> Bench:
    terms = Terms(delegate=True, claims=frozenset({"feature"}))
    lab = ModelLab(mount["TakesTheLowest"].defect)
    return Bench(lab, terms, Conditions(feature=True, delegate=True), mounts=frozenset({"feature"}))


class Counting(ModelLab):
    """Counts the jobs that it does."""

    jobs = 0

    def run(self, jobs):  # type: ignore[no-untyped-def]
        self.jobs += len(jobs)
        return super().run(jobs)


def test_a_witness_says_nothing_of_its_size_where_it_is_minimal() -> None:
    [witness] = merged(merging()).witnesses
    assert witness.note == ""


def test_reducing_ends_with_the_time_of_the_run() -> None:
    lab = Counting(mount["TakesTheLowest"].defect)
    [witness] = merged(replace(merging(), lab=lab)).witnesses
    whole = lab.jobs
    lab.jobs = 0
    [coarse] = merged(replace(merging(), lab=lab, reduce_until=time.monotonic())).witnesses
    assert "time for reducing it was over" in coarse.note
    assert len(coarse.listing) > len(witness.listing)
    assert lab.jobs < whole / 2


def test_a_hanging_subject_is_reduced_within_so_many_hangs() -> None:
    hanging = Apart(process[HANGING].defect, HANGING)
    with bench_for(hanging) as bench:
        bench.hangs = 2
        result = unpacked(bench)
    assert result.verdict == "fail"
    assert "each try can hang" in result.witnesses[0].note
    assert bench.hangs == 0
    assert result.cases < HANGS


def test_hangs_in_reducing_are_counted_over_the_whole_run() -> None:
    with bench_for(Apart(process[HANGING].defect, HANGING)) as bench:
        bench.hangs = 0
        started = time.monotonic()
        result = unpacked(bench)
        took = time.monotonic() - started
    assert result.verdict == "fail"
    assert took < (HANGS + 1) * 10 * SECONDS


def test_a_job_waits_for_one_hang_only() -> None:
    with bench_for(Apart(process[HANGING].defect, HANGING)) as bench:
        layer = encoded(Layer((Entry("a/f", "file"),)), "pax")
        limits = bench.lab.limits
        first, second = (Unpack(at, layer, limits.namespaces[0]) for at in ("l1", "l2"))
        [results] = bench.lab.run([Job((first, second), limits.backings[0])])
    assert results == [Unpacked(-9, "", "timeout"), NOT_TRIED]


class NeedsItsDisk(ModelLab):
    """Fails on any backing but the one that it has."""

    def run(self, jobs):  # type: ignore[no-untyped-def]
        if wrong := [job.backing for job in jobs if job.backing not in self.limits.backings]:
            raise LabError(f"the lab can not do its part on {wrong}")
        return super().run(jobs)


def test_cases_are_reduced_to_none_that_the_lab_can_not_do() -> None:
    lab = NeedsItsDisk(mount["TakesTheLowest"].defect, limits=Limits(backings=("ext4",)))
    result = merged(replace(merging(), lab=lab))
    assert result.verdict == "fail"
    assert codec.from_json(result.witnesses[0].case).setup.backing == "ext4"


class Busy(Kernel):
    """A machine on which something else logs all the time."""

    def logged(self, lines: list[str]) -> list[str]:
        return [*lines, "overlayfs: failed to get inode (-116)"]


class BusyNowAndThen(Kernel):
    """A machine on which something else logs during every other job."""

    chance = random.Random(1)

    def logged(self, lines: list[str]) -> list[str]:
        return [*lines, f"overlayfs: orphan entry ({self.chance.random()})"] * self.chance.randrange(2)


class MountsWithOptions(Kernel):
    """A machine on which something else mounts with options of no use."""

    def logged(self, lines: list[str]) -> list[str]:
        return ['overlayfs: option "volatile" is meaningless in a non-upper mount, ignoring it.']


@pytest.mark.parametrize("machine", [Busy, BusyNowAndThen, MountsWithOptions])
def test_what_other_mounts_log_is_nobodys_witness(
    machine: type[Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise, "wait", lambda seconds: None)
    lab = LyingLab(ModelLab(), machine)
    bench = Bench(lab, Terms(), Conditions(feature=True, log=True))  # and off
    result = run_shard(families()[STOCK], STOCK, 0, ["COMPAT-NOOP"], bench)["COMPAT-NOOP"]
    assert (result.verdict, result.witnesses) == ("pass", ())


class Grants:
    """What a kernel grants a line that it limits, as printk's rate limit does: ten times in five seconds."""

    left = 10


class SaysSoWithALimit(Kernel):
    """A kernel that logs marks, and limits that."""

    def logged(self, lines: list[str]) -> list[str]:
        marked = sum(
            node.xattr(self.mark) is not None for tree in self.laid.values() for node in tree.values()
        )
        said = min(marked, Grants.left)
        Grants.left -= said
        return [*lines, *["overlayfs: marked directory ignored"] * said]


class SaysSoOnce(SaysSoWithALimit):
    """A kernel that logs the first mark there is, and no other."""

    def logged(self, lines: list[str]) -> list[str]:
        Grants.left = min(Grants.left, 1)
        return super().logged(lines)


class SaysSoAnyway(Kernel):
    """A kernel that logs its first mount, whatever that is of."""

    def logged(self, lines: list[str]) -> list[str]:
        said = min(1, Grants.left)
        Grants.left = 0
        return [*lines, *["overlayfs: null uuid detected"] * said]


class GuestLike(LyingLab):
    """Is the run's own, and anew after `close`."""

    def __init__(self, lab: ModelLab, teller: type[Kernel]) -> None:
        super().__init__(lab, teller)
        self.limits = self.limits._replace(caches=True)

    def close(self) -> None:
        Grants.left = 10


class Unlucky(GuestLike):
    """Is not anew after `close`: what it said once it will not say again."""

    def close(self) -> None:
        """Stays as it is."""


def logged_by(lab: LyingLab) -> RuleResult:
    bench = Bench(lab, Terms(), Conditions(feature=True, log=True))
    return run_shard(families()[STOCK], STOCK, 0, ["COMPAT-NOOP"], bench)["COMPAT-NOOP"]


@pytest.fixture
def grants() -> None:
    Grants.left = 10


@pytest.mark.usefixtures("grants")
@pytest.mark.parametrize("kernel", [SaysSoWithALimit, SaysSoOnce])
def test_a_guest_that_limits_what_it_logs_is_told_of(kernel: type[Kernel]) -> None:
    result = logged_by(GuestLike(ModelLab(), kernel))
    assert result.verdict == "fail"
    assert "marked directory ignored" in result.witnesses[0].saw
    assert result.witnesses[0].note == ""


@pytest.mark.usefixtures("grants")
def test_what_a_guest_logs_once_for_good_is_told_of() -> None:
    result = logged_by(Unlucky(ModelLab(), SaysSoOnce))
    assert result.verdict == "fail"
    assert "seen once" in result.witnesses[0].note


@pytest.mark.usefixtures("grants")
def test_what_a_guest_logs_with_any_mount_is_nobodys_witness() -> None:
    result = logged_by(GuestLike(ModelLab(), SaysSoAnyway))
    assert (result.verdict, result.witnesses) == ("pass", ())


@pytest.mark.usefixtures("grants")
def test_a_host_that_limits_what_it_logs_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(seconds: float) -> None:
        assert seconds > 5
        Grants.left = 10

    monkeypatch.setattr(noise, "wait", wait)
    result = logged_by(LyingLab(ModelLab(), SaysSoWithALimit))
    assert result.verdict == "fail"
    assert "marked directory ignored" in result.witnesses[0].saw
