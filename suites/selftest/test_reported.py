"""Regressions as items: named, one a rule, and left out where a lab can not do them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dirmeta import locations
from dirmeta.judge.draw import Scope
from dirmeta.judge.experiments import laid_out, unpacked_and_mounted
from dirmeta.judge.regression_files import every
from dirmeta.judge.reported import WITHOUT, reported
from dirmeta.judge.runner import run_shard
from dirmeta.model.limits import Limits
from dirmeta.model.lookup import Merger

from .test_regressions import model_bench

REGRESSIONS = every()
STICKY, HOME, LABEL = "buildah_6503_tmp_sticky", "buildah_6747_home_owner", "systemd_34387_usr_label"
USER_ONLY = Limits(namespaces=("user",), ids=(0,), trusted=False)


def namespaces(name: str, limits: Limits) -> list[str]:
    draws = reported(REGRESSIONS[name]).draws
    assert isinstance(draws, Scope)
    return [case.setup.namespace for case in draws.every(limits)]


def pytest_on(*words: str) -> str:
    """What pytest writes about the regressions."""
    suites = locations.suites()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *words],
        cwd=suites.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout


def test_an_item_has_the_name_of_its_report_and_its_rule() -> None:
    lines = pytest_on("--collect-only", "suites/regressions").splitlines()
    items = [line.rpartition("/")[2] for line in lines if "::" in line]
    wanted = {
        f"{name}.toml::{rule}[0]"
        for name, each in REGRESSIONS.items()
        for rule in (*each.rules, *(() if each.case.program else (WITHOUT,)))
    }
    assert set(items) == wanted
    assert len(items) == len(wanted)


def test_rules_select_among_them() -> None:
    written = pytest_on("--collect-only", "suites/regressions", "--rules", "MERGE-ROOT", "-k", "kairos")
    assert [line.rpartition("::")[2] for line in written.splitlines() if "::" in line] == ["MERGE-ROOT[0]"]


def test_each_namespace_that_can_be_mounted_has_its_turn() -> None:
    assert namespaces(STICKY, Limits()) == ["trusted", "user"]
    assert namespaces(STICKY, USER_ONLY) == ["user"]


def test_marks_in_a_listing_are_of_one_namespace() -> None:
    assert namespaces(LABEL, Limits()) == ["trusted"]


def test_layers_are_unpacked_but_for_those_with_marks_in_the_listing() -> None:
    assert reported(REGRESSIONS[STICKY]).does is unpacked_and_mounted
    assert reported(REGRESSIONS[LABEL]).does is laid_out


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (STICKY, ""),
        (HOME, "belongs to 1234:0; run it as root"),
        (LABEL, "trusted.* marks can not be mounted here; run it as root"),
    ],
)
def test_what_a_lab_can_not_do_does_not_apply_there(name: str, why: str) -> None:
    family = reported(REGRESSIONS[name])
    assert why in family.lacks(USER_ONLY)
    assert bool(family.lacks(USER_ONLY)) == bool(why)
    assert family.lacks(Limits()) == ""
    if why:
        bench = model_bench(Merger, USER_ONLY)
        [result] = run_shard(family, name, 0, [family.rules[-2]], bench).values()
        assert result.verdict == "n/a"
        assert why in result.reason
