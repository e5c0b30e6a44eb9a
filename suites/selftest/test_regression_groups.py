"""The table of bug reports: each is told by a case, or says why none tells it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from dirmeta import locations
from dirmeta.judge.regression_files import every

REGRESSIONS = every()
GROUPS: list[dict[str, Any]] = tomllib.loads(
    (locations.suites() / "regressions" / "groups.toml").read_text("utf-8")
)["group"]


def test_there_are_as_many_as_are_known() -> None:
    assert len(GROUPS) == 20


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["reports"][0])
def test_a_group_has_cases_that_tell_all_its_reports(group: dict[str, Any]) -> None:
    assert group.keys() <= {"about", "cases", "reports", "without"}
    told = [report for case in group["cases"] for report in REGRESSIONS[case].reports]
    assert list(dict.fromkeys(told)) and set(told) == set(group["reports"])
    for report, why in group.get("without", {}).items():
        assert report not in told and why.strip()


def test_every_case_is_in_one_group() -> None:
    cases = [case for group in GROUPS for case in group["cases"]]
    assert sorted(cases) == sorted(REGRESSIONS)


def test_no_report_is_in_two_groups() -> None:
    reports = [report for group in GROUPS for report in (*group["reports"], *group.get("without", ()))]
    assert len(reports) == len(set(reports))
