"""Whether rules notice a broken mount, how soon, and what comes of it where they can not."""

from __future__ import annotations

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.killing import Kill, kill
from dirmeta.kernels.mutants import Mutant
from dirmeta.kernels.patches import Patch
from dirmeta.labs.model import ModelLab
from dirmeta.model.lookup import Merger
from dirmeta.reports.mutants import Row, exit_status, line, summary, table
from dirmeta.rules.registry import Terms

from .miniatures.mounts import mount


def bench_on(merger: type[Merger]) -> Bench:
    terms = Terms(delegate=True, claims=frozenset({"feature"}))
    conditions = Conditions(feature=True, delegate=True)
    return Bench(ModelLab(merger), terms, conditions, mounts=frozenset({"feature"}), examples=64)


def test_a_broken_mount_is_noticed_by_its_rule() -> None:
    found = kill(["MERGE-DEPTH", "MERGE-VALUE"], bench_on(mount["TakesAnyValue"].defect))
    assert (found.verdict, found.rule) == ("fail", "MERGE-VALUE")
    assert 0 < found.cases <= 64 and found.seconds > 0


def test_how_many_cases_it_takes_does_not_depend_on_the_clock() -> None:
    first, second = (kill(["MERGE-VALUE"], bench_on(mount["TakesAnyValue"].defect)) for _ in range(2))
    assert first.cases == second.cases


def test_a_sound_mount_survives_all_cases() -> None:
    found = kill(["MERGE-DEPTH", "MERGE-VALUE"], bench_on(Merger))
    assert (found.verdict, found.rule) == ("pass", "MERGE-VALUE")
    assert found.cases > 24


def test_a_rule_that_does_not_apply_says_why() -> None:
    found = kill(["COMPAT-NOOP"], bench_on(Merger))
    assert found.verdict == "n/a" and "is judged as delegate" in found.reason


MUTANT = Mutant("any-value", "Takes any value.", ("MERGE-VALUE",), Patch("any-value.patch", b""))
KILLED = Row(MUTANT, Kill("fail", "MERGE-VALUE", "", 12, 0.44))
SURVIVED = Row(MUTANT, Kill("pass", "MERGE-VALUE", "", 1920, 9.0))
LOST = Row(MUTANT, Kill("error", "MERGE-VALUE", "the guest is lost"))
WAITING = Row(MUTANT, Kill("unverified", "COPYUP-FAIL", "no check in this version"))


@pytest.mark.parametrize(
    ("rows", "status"),
    [([KILLED], 0), ([KILLED, WAITING], 4), ([LOST, WAITING], 3), ([LOST, SURVIVED, WAITING], 1)],
)
def test_the_worst_fate_is_the_exit_status(rows: list[Row], status: int) -> None:
    assert exit_status(rows) == status


def test_a_line_says_how_soon_or_why_not() -> None:
    assert line(KILLED).split() == ["killed", "any-value", "MERGE-VALUE,", "case", "12", "after", "0.4", "s"]
    assert line(SURVIVED).endswith("MERGE-VALUE, 1920 cases")
    assert line(WAITING).endswith("COPYUP-FAIL, no check in this version")
    assert summary([KILLED, WAITING, KILLED]) == "2 of 3 mutants killed, 1 unverified"


def test_the_page_has_a_row_a_mutant() -> None:
    page = table([KILLED, SURVIVED], "quick profile").splitlines()
    assert page[-2] == "| any-value | Takes any value. | MERGE-VALUE | 12 | 0.4 |"
    assert page[-1] == "| any-value | Takes any value. | **survived** (MERGE-VALUE: content) |  |  |"
