"""The agent in C as the host lab has it: it answers what the executor in Python would, or is an error."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dirmeta.labs.base import LabError
from dirmeta.labs.host import HostLab
from dirmeta.labs.native import compiling, jobs, program
from dirmeta.labs.native.program import Program
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Failure, Job, Layout, Log, Mount, Operate, Outcome, Unmount, Walk
from dirmeta.sandbox.worker import Worker
from suites.selftest.rows import ACTORS, comparable, every_call, merging_jobs, mounted, program_jobs
from suites.selftest.worlds import skip_without

DIRECTORY = Node("directory", 0o755)
TREE: Tree = {"": DIRECTORY, "f": Node("file", 0o640, xattrs=(("user.a", b"b"),), content=b"text")}
JOB = Job((Layout("l1", TREE), Walk("l1")))


def skip_without_compiler() -> None:
    """A program that does not compile is no reason to skip."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")


@pytest.fixture(scope="module")
def lab() -> Iterator[HostLab]:
    skip_without_compiler()
    assert program.obstacle() == ""
    try:
        lab = HostLab()
    except LabError as why:
        skip_without(why)
    with lab:
        if lab.limits.backings[0] != "tmpfs":
            pytest.skip("tmpfs holds no user.* xattrs on this kernel")
        yield lab


@pytest.fixture
def without_python(lab: HostLab, monkeypatch: pytest.MonkeyPatch) -> HostLab:
    """The lab, where it is an error if the executor in Python has to do a job."""

    def refuse(jobs: object, timeout: float = 0) -> None:
        raise AssertionError(f"in Python: {jobs}")

    monkeypatch.setattr(lab, "run_in_python", refuse)
    return lab


def assert_same_rows(lab: HostLab, todo: list[Job]) -> list[list[object]]:
    """Assert the law; the rows."""
    assert all(map(jobs.takes, todo))
    since = time.time_ns() - 1_000_000_000
    native, python = (comparable(ask(todo), since) for ask in (lab.run, lab.run_in_python))
    assert native == python
    return native


def test_merged_layers_have_the_same_rows(lab: HostLab) -> None:
    rows = assert_same_rows(lab, merging_jobs(lab, 6))
    assert any(len(result) > 200 for row in rows for result in row if isinstance(result, dict))


def test_programs_have_the_same_rows(lab: HostLab) -> None:
    todo = program_jobs(lab, 12)
    assert (
        len(todo) == 12
        and len({step.by for job in todo for step in job.steps if isinstance(step, Operate)}) >= 2
    )
    assert_same_rows(lab, todo)


@pytest.mark.parametrize("who", ACTORS)
def test_every_call_has_the_same_outcome(who: str, lab: HostLab) -> None:
    job = every_call(ACTORS[who], lab.limits)
    [row] = assert_same_rows(lab, [job])
    if lab.limits.ids is None or who.startswith(("the mounter", "weak")):
        assert len(row) == len(job.steps)


def test_a_directory_that_was_removed_has_no_names(lab: HostLab) -> None:
    """A chmod through a descriptor of a lower directory that is gone has stock overlayfs put a copy of it in
    the place of the one that was made there since, which so is removed, and is looked at all the same."""
    calls: tuple[tuple[str, str, *tuple[int, ...]], ...] = (
        ("hold", "m/d", 0), ("rmdir", "m/d"), ("mkdir", "m/d", 0o755), ("fchmod", "", 0, 0o700),
        ("read", "m/d"),
    )  # fmt: skip
    changes = [Operate(call, path, tuple(args)) for call, path, *args in calls]
    layers = mounted(lab.limits)[1]
    assert isinstance(layers, Mount)
    lower = {"": DIRECTORY, "d": DIRECTORY}
    job = Job((Layout("l1", lower), layers, *changes, Walk("m"), Walk("upper")))
    [row] = assert_same_rows(lab, [job])
    assert len(row) == len(job.steps)
    assert row[2:7] == [Outcome(0)] * 5


def test_who_has_given_capabilities_up_is_told(without_python: HostLab) -> None:
    weak = Credentials(drop=("CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"))
    lower = {"": Node("directory", 0o777), "closed": Node("directory", 0)}
    looks = (Operate("read", "l1/closed", by=weak), Operate("read", "l1/closed"))
    [[_, refused, seen]] = without_python.run([Job((Layout("l1", lower), *looks))])
    assert (refused, seen) == (Outcome(13), Outcome(0))


def test_a_mark_that_may_not_be_written_is_no_failure(without_python: HostLab) -> None:
    job = Job((Layout("l1", {"": DIRECTORY}), Mount("m", ("l1",)), Walk("m"), Unmount("m")))
    assert without_python.run([job]) == [[None, None, {"": DIRECTORY}, None]]


def test_the_log_is_read_where_it_can_be(without_python: HostLab) -> None:
    [[found]] = without_python.run([Job((Log(),))])
    assert isinstance(found, list) == without_python.log_readable


def test_a_failure_is_explained(lab: HostLab) -> None:
    step = Mount("m", ("l1",), options=(*mounted(lab.limits)[1].options, ("bogus", "1")))  # type: ignore[union-attr]
    [[_, failed], good] = lab.run([Job((Layout("l1", TREE), step)), JOB])
    assert isinstance(failed, Failure) and "Unknown parameter 'bogus'" in failed.text
    assert good == [None, TREE]


def test_large_requests_go_to_python(lab: HostLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dirmeta.labs.native.routes._LARGEST", 10)
    monkeypatch.setattr(lab, "_exchange", None)
    assert lab.run([JOB]) == [[None, TREE]]


def test_xattrs_are_left_out_of_walks(lab: HostLab) -> None:
    agent = lab._native
    assert agent is not None
    try:
        agent.exchange(jobs.leave_out(["user.a", "user.b"]), 10)
        [[_, seen]] = lab.run([JOB])
    finally:
        agent.exchange(jobs.leave_out([]), 10)
    assert seen == {**TREE, "f": TREE["f"]._replace(xattrs=())}
    assert lab.run([JOB]) == [[None, TREE]]


def test_its_work_is_counted(lab: HostLab) -> None:
    before = lab.processor_time()
    lab.run([JOB] * 50)
    assert 0.001 < lab.processor_time() - before < 10


def agents() -> set[int]:
    """The processes here that are an agent in C, of whichever run."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.path.basename(os.readlink(entry / "exe")) == "agent":
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGSEGV, "agent in C gave up: it crashed"),
        (signal.SIGSTOP, "agent in C gave no answer in 0.2 s"),
    ],
)
def test_an_agent_that_does_not_answer_is_an_error_and_the_lab_starts_anew(
    lab: HostLab, number: signal.Signals, words: str
) -> None:
    others = agents()
    with HostLab() as own:
        [agent] = [pid for pid in agents() - others if parents(pid) & {own._worker.pid}]
        for _ in range(2):
            os.kill(agent, number)
            with pytest.raises(LabError, match=words):
                own.run([JOB], 0.2)
            assert own.run([JOB]) == [[None, TREE]]
            assert not Path(f"/proc/{agent}").exists()
            [agent] = [pid for pid in agents() - others if parents(pid) & {own._worker.pid}]
    assert not Path(f"/proc/{agent}").exists()


def parents(pid: int) -> set[int]:
    """All processes above one."""
    above: set[int] = set()
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        above.add(pid)
    return above


def test_an_agent_that_gives_up_says_why() -> None:
    skip_without_compiler()
    agent = Program()
    with Worker(fds=agent.fds) as world:
        agent.start(world, ())
        with pytest.raises(LabError, match="gave up: the host asks for something unknown"):
            agent.exchange(b"\xa3fly", 10)
    agent.close()


def test_without_a_compiler_python_does_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRMETA_CACHE", str(tmp_path))
    monkeypatch.setattr(compiling, "_COMPILER", ("no-such-compiler",))
    program.obstacle.cache_clear()
    try:
        with HostLab() as lab:
            assert lab.remark == (
                "slower, in Python alone: the agent in C needs a C compiler: apt-get install gcc libc6-dev"
            )
            assert lab.run([Job(JOB.steps, lab.limits.backings[0])]) == [[None, TREE]]
    finally:
        program.obstacle.cache_clear()


def test_a_cache_that_can_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIRMETA_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        LabError, match=r"file/agent/.*: Not a directory; set DIRMETA_CACHE to a directory of"
    ):
        compiling.agent()
