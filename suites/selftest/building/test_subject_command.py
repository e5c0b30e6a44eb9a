"""`dirmeta subject`, as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dirmeta.cli.subject import subject
from dirmeta.subjects import SUBJECTS


def said(*words: str) -> str:
    ended = CliRunner().invoke(subject, words, catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output


def test_a_build_says_where_it_is(go: Path) -> None:
    assert str(go / "cache/subjects/builds") in said("build", "containers-storage")


def test_an_unknown_build_is_a_usage_error(go: Path) -> None:
    ended = CliRunner().invoke(subject, ["build", "nothing"])
    assert ended.exit_code == 2
    assert "containers-storage" in ended.output


@pytest.mark.parametrize("name", [row.spelled for row in SUBJECTS.values()])
def test_every_subject_is_listed(go: Path, name: str) -> None:
    assert any(line.split()[0] == name for line in said("list").splitlines())


def test_a_subject_that_is_not_built_is_listed_with_its_remedy(go: Path) -> None:
    assert "run: dirmeta subject build containers-storage" in said("list")
    said("build", "containers-storage")
    assert "run: dirmeta subject build" not in said("list")
