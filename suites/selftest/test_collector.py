"""Nothing that was to be judged gets lost between processes."""

import io

import pytest

from dirmeta.cli.collector import Collector
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


NAME = "merge/test_x.py::family::MERGE-INO[1]@merge/test_x::family[1]"


def collector() -> Collector:
    started = Collector(Progress(io.StringIO()))
    started.pytest_xdist_node_collection_finished(None, [NAME])
    return started


def test_a_worker_that_crashes_makes_an_error_of_its_item() -> None:
    seen = collector()
    seen.pytest_runtest_logreport(report(NAME, "failed", f"worker 'gw1' crashed while running '{NAME}'"))
    [result] = seen.results["MERGE-INO"]
    assert result.verdict == "error"
    assert "crashed" in result.reason


def test_an_item_that_never_reports_is_an_error() -> None:
    seen = collector()
    seen.give_up_waiting()
    assert [(result.verdict, result.reason) for result in seen.results["MERGE-INO"]] == [
        ("error", "its worker process was lost")
    ]
