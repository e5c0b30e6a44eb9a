"""Runs of a subject that has a file of expected deviations, and how the file is brought up to date."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dirmeta.cli.collector import judge
from dirmeta.cli.run import run as command
from dirmeta.cli.updating import update
from dirmeta.judge import expectations
from dirmeta.judge.expectations import Expectation, ExpectationError, read, write
from dirmeta.judge.opening import UsageError, open_subject
from dirmeta.judge.results import Report, exit_status
from dirmeta.judge.updating import writable
from dirmeta.model import listing
from dirmeta.options import wanted
from dirmeta.reports.junit import report_junit
from dirmeta.reports.ktap import rule_lines
from dirmeta.reports.terminal import report_text

if not shutil.which("tar"):
    pytest.skip("there is no GNU tar here", allow_module_level=True)

FORGED = "UNPACK-FORGED"
VALUES: dict[str, Any] = {"subject": "tar", "rules": f"{FORGED},UNPACK-NAMES", "examples": 24}


def entry(rule: str, witness: str) -> Expectation:
    return Expectation(rule, "It takes what it gets.", "https://example.org", "", "", listing.parse(witness))


KEPT = entry(FORGED, 'setup namespace=user\nlayer 1  f xattr user.overlay.impure="y"')
GONE = entry("UNPACK-NAMES", "layer 1  f")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tar's expectations are, elsewhere than those that come with the suite."""
    (tmp_path / expectations.FOLDER).mkdir()
    monkeypatch.setattr("dirmeta.locations.fixtures", lambda: tmp_path)
    return tmp_path / expectations.FOLDER / "tar.toml"


def run(**more: Any) -> Report:
    values = {**VALUES, **more}
    return judge(wanted(values), values, "0")


def test_a_run_expects_what_its_file_names_and_tells_why(file: Path) -> None:
    learned = run(learning=True)
    asked = wanted({**VALUES, "learning": True})
    assert "0 entries kept, 0 dropped, " in update(asked, open_subject(asked), learned.results)
    report = run()
    assert exit_status(report.results) == 0
    [names, forged] = report.results
    assert (names.verdict, forged.verdict) == ("pass", "expected")
    assert "no reason is given yet" in report_text(report)
    assert "<system-out>" in report_junit(report)
    assert list(rule_lines(1, forged))[-1] == f"ok 1 {FORGED}"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's run calls nothing stale")
def test_a_stale_entry_fails_the_run_with_file_entry_and_remedy(file: Path) -> None:
    write(file, [GONE])
    report = run(rules="UNPACK-NAMES")
    assert exit_status(report.results) == 1
    line = (
        "fixtures/subjects/tar.toml: entry 1: its witness does not break UNPACK-NAMES any more; "
        "dirmeta run --subject tar --update-expectations drops it"
    )
    assert line in report_text(report)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's run calls nothing stale")
def test_an_update_drops_what_is_stale_and_keeps_reasons(file: Path) -> None:
    write(file, [KEPT, GONE])
    report = run(learning=True)
    asked = wanted({**VALUES, "learning": True})
    assert " entries kept, 1 dropped, " in update(asked, open_subject(asked), report.results)
    after = read(file)
    assert KEPT in after
    assert GONE not in after


def test_a_file_that_is_wrong_is_told_before_anything_runs(file: Path) -> None:
    file.write_text("[[expected]]\nrule = 7\n", "utf-8")
    with pytest.raises(ExpectationError, match=f"{file}: entry 1: rule: a text is wanted"):
        command.main(["--subject", "tar"], standalone_mode=False)


def test_there_is_nothing_to_update_for_a_program_without_a_name() -> None:
    with pytest.raises(UsageError, match=r"cmd:true: expectations are kept for subjects that have a name"):
        writable("cmd:true")


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dirmeta.locations.fixtures", lambda: tmp_path / "away")
    with pytest.raises(UsageError, match=rf"{tmp_path}/away/subjects/tar\.toml: it can not be written"):
        writable("tar")
