"""The benchmark: what it measures is done, and what it says of it is so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dirmeta.cli.bench import bench
from dirmeta.judge import benchmarks, figures, processes
from dirmeta.judge.benchmarks import NAMES, Benchmarks
from dirmeta.judge.families import families
from dirmeta.judge.figures import MERGE, Figure, from_model
from dirmeta.labs import bare
from dirmeta.model.tree import WHITEOUT, Node, Tree
from dirmeta.observe import transport
from dirmeta.observe.steps import Failure, Job, Layout, Mount, Result, Unpack, Unpacked, Walk
from dirmeta.observe.walk import walk
from dirmeta.sandbox.worker import Worker

LOWER: Tree = {
    "": Node("directory"),
    "d": Node("directory", 0o1750, mtime=-1, xattrs=(("user.overlay.opaque", b"n"),)),
    "d/f": Node("file", 0o4755, mtime=7, content=b"x" * 5000, link="d/f"),
    "d/g": Node("file", 0o4755, mtime=7, content=b"x" * 5000, link="d/f"),
    "d/s": Node("symlink", 0o777, mtime=9, target="../x"),
    "p": Node("fifo", 0o600, mtime=1),
    "w": WHITEOUT,
}
UPPER: Tree = {"": Node("directory", 0o711, mtime=5), "u": Node("file", 0o600)}
JOB = Job((Layout("l1", LOWER), Unpack("l2", b""), Walk("l2"), Mount("m", ("l2", "l1")), Walk("m")))
RESULTS: list[Result] = [None, Unpacked(0), UPPER, None, {**LOWER, **UPPER}]


def made(calls: list[bare.Call], where: str) -> Tree:
    """What some calls leave of a directory of a job. Runs in a worker."""
    found: Tree = {}
    bare.run([[*calls, lambda: found.update(walk(where))]])
    return found


@pytest.mark.parametrize(("where", "tree"), [("l1", LOWER), ("l2", UPPER)])
def test_bare_calls_lay_out_what_the_job_did(where: str, tree: Tree) -> None:
    with Worker() as worker:
        layouts = Job(JOB.steps[:3])
        assert worker.call(made, bare.calls(layouts, RESULTS[:3]), where) == tree


def test_bare_calls_mount_and_ask_for_all_there_is() -> None:
    steps = bare.calls(
        Job((Mount("m", ("l2", "l1"), options=(("userxattr", ""),)), Walk("m"))), [None, LOWER]
    )
    words = [call.func.__name__ for call in steps]  # type: ignore[attr-defined]
    assert words[:2] == ["mkdir", "mount"]
    count = {word: words.count(word) for word in ("lstat", "listdir", "readlink", "listxattr", "getxattr")}
    assert count == {"lstat": 7, "listdir": 2, "readlink": 1, "listxattr": 6, "getxattr": 1}


def test_jobs_and_results_travel_unchanged() -> None:
    assert transport.job(transport.flat_job(JOB)) == JOB
    assert transport.results(transport.flat_results(JOB, RESULTS)) == RESULTS
    failed: list[Result] = [None, Failure(5, "no")]
    assert transport.results(transport.flat_results(JOB, failed)) == failed


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (Figure("a", 2.0, "x", 2.0, more=True), True),
        (Figure("a", 1.9, "x", 2.0, more=True), False),
        (Figure("a", 2.0, "x", 2.0), True),
        (Figure("a", 2.1, "x", 2.0), False),
        (Figure("a", 2.1, "x"), True),
    ],
)
def test_a_target_is_reached_on_its_side(figure: Figure, reached: bool) -> None:
    assert figure.reached is reached


def test_the_command_prints_a_line_a_figure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures = [
        Figure("merge", 612.3, "cases/s", 600, more=True, best=640.0),
        Figure("merge : floor", 2.5, "x", 2),
    ]
    monkeypatch.setattr(Benchmarks, "merge", lambda self: figures)
    ended = CliRunner().invoke(bench, ["--only", "merge", "--json", str(tmp_path / "b.json")])
    assert ended.exit_code == 0
    first, second = ended.output.splitlines()
    assert first.split() == ["merge", "612", "cases/s", "(best", "640)", "wanted", ">=", "600:", "reached"]
    assert second.split() == ["merge", ":", "floor", "2.50", "x", "wanted", "<=", "2:", "not", "reached"]
    assert [each["reached"] for each in json.loads((tmp_path / "b.json").read_text())] == [True, False]


def test_only_names_that_exist_can_be_measured() -> None:
    ended = CliRunner().invoke(bench, ["--only", "merge,nope"])
    assert ended.exit_code == 2
    assert "--only nope: there is no such benchmark; there are " + ", ".join(NAMES) in ended.output


def test_a_round_measures_both_on_the_same_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "_ROUNDS", 1)
    [first] = benchmarks.rounds(MERGE, 0.01)
    assert first.cases > 100
    assert first.times_floor > 1
    assert 0 < first.floor.clock < first.clock


@pytest.mark.parametrize("family", [MERGE, benchmarks.SCOPE])
def test_cases_are_drawn_before_they_are_judged_from_the_model(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benchmarks.bench_of()
    try:
        cases, took = from_model(family, bench)
        assert cases > 100 and took > 0
        assert cases <= bench.cases(families()[family]) * families()[family].shards
    finally:
        bench.lab.close()
    monkeypatch.setattr(figures, "_drawn", lambda *_: [])
    assert from_model(family, bench)[0] == 0


def test_a_command_is_watched_with_all_that_it_starts() -> None:
    ended = processes.watched(["rules", "show", "MERGE-SOURCE"])
    assert ended.status == 0
    assert ended.peak > 5 * 2**20
