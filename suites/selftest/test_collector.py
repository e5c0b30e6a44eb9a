"""Nothing that was to be judged gets lost between processes."""

import io
from collections.abc import Callable

import pytest

from dirmeta.cli.collector import Collector
from dirmeta.judge.results import RuleResult
from dirmeta.reports.progress import Progress


def report(name: str, outcome: str, text: str = "") -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=name,
        location=("test_x.py", 0, name),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=text or None,
        when="call",
    )


NAME = "merge/test_x.py::family::MERGE-INO[1]"
SECOND = "merge/test_x.py::family::MERGE-INO[2]"


def collector(*names: str, settled: Callable[[RuleResult], None] = lambda result: None) -> Collector:
    """Waits for items of MERGE-INO, and was asked for a rule that has none as well."""
    started = Collector(Progress(io.StringIO()), ["UNPACK-CHUNKED", "MERGE-INO"], settled)
    started.pytest_xdist_node_collection_finished(None, list(names))
    return started


def test_a_worker_that_crashes_makes_an_error_of_its_item() -> None:
    seen = collector(NAME)
    seen.pytest_runtest_logreport(report(NAME, "failed", f"worker 'gw1' crashed while running '{NAME}'"))
    [result] = seen.results["MERGE-INO"]
    assert result.verdict == "error"
    assert "crashed" in result.reason


def test_an_item_that_never_reports_is_an_error() -> None:
    seen = collector(NAME)
    seen.give_up_waiting()
    assert [(result.verdict, result.reason) for result in seen.results["MERGE-INO"]] == [
        ("error", "its worker process was lost")
    ]


def test_a_rule_is_settled_when_nothing_of_it_is_awaited() -> None:
    settled: list[RuleResult] = []
    seen = collector(NAME, SECOND, settled=settled.append)
    assert settled == []
    seen.pytest_runtest_logreport(report(NAME, "failed", "lost"))
    assert [result.rule for result in settled] == ["UNPACK-CHUNKED"]
    seen.pytest_runtest_logreport(report(SECOND, "failed", "lost"))
    assert [(result.rule, result.verdict) for result in settled] == [
        ("UNPACK-CHUNKED", "n/a"),
        ("MERGE-INO", "error"),
    ]


def test_a_rule_is_settled_once() -> None:
    settled: list[RuleResult] = []
    seen = collector(NAME, settled=settled.append)
    seen.pytest_runtest_logreport(report(NAME, "failed", "lost"))
    seen.give_up_waiting()
    assert [result.rule for result in settled] == ["UNPACK-CHUNKED", "MERGE-INO"]
