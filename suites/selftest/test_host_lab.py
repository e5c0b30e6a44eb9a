"""The host lab: what it tells, what it survives, and that it leaves nothing behind."""

from __future__ import annotations

import fcntl
import importlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dirmeta.labs import LabError, directory, probe
from dirmeta.labs.directory import Claim, ScratchError, require_xattrs
from dirmeta.labs.disks import DISKS
from dirmeta.labs.host import HostLab
from dirmeta.labs.native.program import obstacle
from dirmeta.model.tree import Node
from dirmeta.observe.steps import Failure, Job, Layout, Operate, Unpack, Unpacked, UnpackTogether, Walk
from dirmeta.sandbox.worker import Worker

PATIENCE = 20.0
"""Seconds for what takes milliseconds on an idle machine."""

SUBJECTS = """
import os, time
from dirmeta.observe.steps import Unpacked

class Subject:
    def __init__(self, how): self.how = how
    def unpack(self, layer, dest, *, namespace, delegate, umask, work):
        return getattr(self, self.how)(layer, dest)

    def write(self, layer, dest):
        "Put the layer into a file, with what is left by the umask."
        fd = os.open(dest + "/file", os.O_WRONLY | os.O_CREAT, 0o666)
        os.write(fd, layer)
        os.close(fd)
        return Unpacked(0, "fine")

    def die(self, layer, dest): os.kill(os.getpid(), 9) or os._exit(7)
    def hang(self, layer, dest): time.sleep(1000)
    def vanish(self, layer, dest):
        os.rmdir(dest)
        return Unpacked(0)

    def meet(self, layer, dest):
        "Say hello to the other one, and wait for it, through two fifos."
        mine, other = layer.split()
        if mine == b"a": writing = os.open("/proc/1/cwd/a", os.O_WRONLY); os.write(writing, b"x")
        else: reading = os.open("/proc/1/cwd/a", os.O_RDONLY); os.read(reading, 1)
        return Unpacked(0)

    def stay(self, layer, dest):
        "Tell through a fifo of the host which loop devices are mounted, then stay."
        with open("/proc/self/mountinfo") as lines:
            mine = [word for line in lines for word in line.split() if word.startswith("/dev/loop")]
        if os.fork():
            with open(os.fsdecode(layer), "w") as fifo:
                fifo.write(" ".join(mine) + "\\n")
        time.sleep(1000)
"""
RUN = """
import sys
from dirmeta.labs.host import HostLab
from dirmeta.observe.steps import Job, Unpack
from selftest_subjects import Subject
with HostLab(Subject("stay"), directory=sys.argv[3] or None) as lab:
    lab.run([Job((Unpack("l1", sys.argv[1].encode()),), sys.argv[2])])
"""


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A module of subjects that the lab's inside can import."""
    place = tmp_path_factory.mktemp("subjects")
    (place / "selftest_subjects.py").write_text(SUBJECTS)
    sys.path.insert(0, str(place))
    yield importlib.import_module("selftest_subjects")
    sys.path.remove(str(place))


def unpack(lab: HostLab, layer: bytes = b"x", umask: int = 0o022) -> list[Any]:
    [results] = lab.run([Job((Unpack("l1", layer, umask=umask), Walk("l1")), lab.limits.backings[0])])
    return results


def test_a_lab_says_what_it_is() -> None:
    with HostLab() as lab:
        assert lab.limits.namespaces[0] == ("trusted" if lab.limits.trusted else "user")
        assert lab.limits.trusted == (os.geteuid() == 0)
        assert lab.limits.ids in (None, (0,))
        assert lab.limits.mtime[0] < 0 < lab.limits.mtime[1]
        assert lab.kernel == os.uname().release
        assert isinstance(lab.claims_feature, bool)


def test_the_inside_is_spared_heavy_imports() -> None:
    script = "__import__('dirmeta.labs.agent') and sorted(__import__('sys').modules)"
    with Worker() as worker:
        heavy = {"pytest", "hypothesis", "dirmeta.subjects"} & set(worker.call(eval, script))
    assert heavy == set()


def test_a_subject_unpacks(subjects: Any) -> None:
    with HostLab(subjects.Subject("write")) as lab:
        ended, tree = unpack(lab, b"layer", 0o027)
    assert ended == Unpacked(0, "fine")
    assert (tree["file"].mode, tree["file"].content) == (0o640, b"layer")


def test_a_subject_that_removes_its_destination_leaves_an_empty_one(subjects: Any) -> None:
    with HostLab(subjects.Subject("vanish")) as lab:
        ended, tree = unpack(lab)
    assert ended == Unpacked(0)
    assert set(tree) == {""}


def test_unpacks_that_belong_together_run_together(subjects: Any) -> None:
    both = UnpackTogether((Unpack("l1", b"a b"), Unpack("l2", b"b a")))
    with HostLab(subjects.Subject("meet")) as lab:
        meeting = Layout("fifo", {"": Node("directory"), "a": Node("fifo", 0o600)})
        move = Operate("rename", "fifo/a", ("a",))
        [results] = lab.run([Job((meeting, move, both), lab.limits.backings[0])], PATIENCE)
    assert results[-1] == (Unpacked(0), Unpacked(0))


def test_a_lab_without_a_subject_does_not_unpack() -> None:
    with HostLab() as lab, pytest.raises(LabError, match="without a subject"):
        unpack(lab)


def test_a_dead_inside_is_one_line_and_the_lab_starts_anew(subjects: Any) -> None:
    with HostLab(subjects.Subject("die")) as lab:
        for _ in range(2):
            with pytest.raises(LabError, match="ended with status 7") as caught:
                unpack(lab)
            assert "\n" not in str(caught.value)


def test_a_hanging_inside_is_ended(subjects: Any) -> None:
    with HostLab(subjects.Subject("hang")) as lab, pytest.raises(LabError, match=r"no answer in 0\.2 s"):
        lab.run([Job((Unpack("l1", b""),), lab.limits.backings[0])], 0.2)


def test_a_subject_that_can_not_be_found_is_an_error(subjects: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subjects.Subject("write")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "subjects0" not in path])
    with pytest.raises(LabError, match="ModuleNotFoundError: No module named 'selftest_subjects'"):
        HostLab(subject)


def test_a_kind_of_scratch_space_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LabError, match="punchcards can not be had here; there is tmpfs"):
        HostLab(backing="punchcards")


def test_a_directory_can_be_scratch_space(tmp_path: Path) -> None:
    tree = {"": Node("directory"), "f": Node("file", 0o640, xattrs=(("user.a", b"b"),))}
    with HostLab(directory=str(tmp_path)) as lab:
        assert lab.limits.backings[0] == "directory"
        [[_, seen]] = lab.run([Job((Layout("l1", tree), Walk("l1")), "directory")])
        assert len(os.listdir(tmp_path)) == 2
    assert seen == tree
    assert os.listdir(tmp_path) == []


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"missing: no such directory; give one that exists"):
        HostLab(directory=str(tmp_path / "missing"))


def test_a_directory_that_holds_no_xattrs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match=r"DIR: its file system holds no nonsense\.\* xattrs"):
        require_xattrs("DIR", str(tmp_path), ["user.x", "nonsense.x"])
    assert os.listdir(tmp_path) == []


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    stale, held = tmp_path / "dirmeta-stale", tmp_path / "dirmeta-held"
    for place in (stale, held):
        (place / "1").mkdir(parents=True)
        Path(f"{place}.lock").touch()
    with open(f"{held}.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory.sweep(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["dirmeta-held", "dirmeta-held.lock"]


def test_a_claim_is_released(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("outside a private world root alone may give directories away")
    claim = Claim(str(tmp_path))
    directory.sweep(str(tmp_path))
    assert Path(claim.path).is_dir()
    claim.release()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("uids", "gids", "ids"),
    [
        ("0 0 4294967295", "0 0 4294967295", None),
        ("0 1000 1", "0 1000 1", (0,)),
        ("0 1000 1\n1 100000 3", "0 1000 1\n2 100000 1", (0, 2)),
    ],
)
def test_ids_are_those_that_both_maps_have(uids: str, gids: str, ids: tuple[int, ...] | None) -> None:
    assert probe.mapped_ids(uids, gids) == ids


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    parents = {int(name): parent(name) for name in os.listdir("/proc") if name.isdigit()}
    found = [pid]
    for each in found:
        found += [child for child, above in parents.items() if above == each]
    return found


def parent(process: str) -> int:
    """0 where it is gone by now."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def attached(devices: list[str]) -> bool:
    """Whether one of the loop devices still has a file of a lab."""
    files = [Path("/sys/block") / Path(device).name / "loop/backing_file" for device in devices]
    return any("dirmeta-" in file.read_text() for file in files if file.exists())


def are_detached(devices: list[str]) -> bool:
    """Whether the kernel has let go of the loop devices, which it does a moment after the last use."""
    deadline = time.monotonic() + PATIENCE
    while attached(devices) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not attached(devices)


def wait_for_end(handles: list[int]) -> bool:
    """Whether all processes end in time."""
    return all(select.select([handle], [], [], PATIENCE)[0] for handle in handles)


def backings() -> tuple[str, ...]:
    with HostLab() as lab:
        return lab.limits.backings


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("kind", ["tmpfs", *DISKS, "directory"])
def test_nothing_is_left_of_a_run_that_is_ended(
    subjects: Any, tmp_path: Path, number: signal.Signals, kind: str
) -> None:
    if kind not in (*backings(), "directory"):
        pytest.skip(f"{kind} can not be had here")
    before = Path("/proc/self/mountinfo").read_text("utf-8")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "scratch").mkdir()
    where = (kind, str(tmp_path / "scratch") if kind == "directory" else "")
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(fifo), *where],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.DEVNULL,
    )
    try:
        devices = fifo.read_text().split()
        handles = [os.pidfd_open(process) for process in descendants(run.pid)]
        run.send_signal(number)
        ended = wait_for_end(handles)
    finally:
        run.kill()
        run.wait()
    for handle in handles:
        os.close(handle)
    inside = ("pid 1 inside", "what the subject forked", *(() if obstacle() else ("the agent in C",)))
    assert len(handles) == len(("starter", "its waiting child", *inside))
    assert ended
    assert devices or kind not in DISKS
    assert Path("/proc/self/mountinfo").read_text("utf-8") == before
    assert are_detached(devices)
    if kind == "directory":
        HostLab(directory=where[1]).close()
        assert os.listdir(where[1]) == []


def test_a_failed_step_does_not_end_the_lab() -> None:
    with HostLab() as lab:
        [[failure]] = lab.run([Job((Walk("nowhere"),), lab.limits.backings[0])])
        assert isinstance(failure, Failure)
        assert "No such file" in failure.text
        assert lab.run([Job((), lab.limits.backings[0])]) == [[]]
