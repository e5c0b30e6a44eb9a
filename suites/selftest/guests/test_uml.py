"""User Mode Linux guests: that they answer what the host's executor would, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.guest.uml import Uml
from dirmeta.labs.host import HostLab
from dirmeta.labs.native import jobs as native
from dirmeta.model import overlayfs
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Failure, Job, Layout, Log, Mount, Result, Unmount, Walk
from suites.selftest.guests.conftest import DIRECTORY, KERNELS, image
from suites.selftest.rows import merging_jobs


def test_batched_plain_and_python_rows_are_the_same(guest: GuestLab, plain_guest: GuestLab) -> None:
    jobs = merging_jobs(guest, 6)
    assert all(map(native.takes, jobs))
    assert guest.remark
    assert not plain_guest.remark
    batched = timeless(guest.run(jobs))
    assert batched == timeless(plain_guest.run(jobs))
    assert batched == timeless(guest.run_in_python(jobs))


def timeless(found: list[list[Result]]) -> list[list[object]]:
    """Results without the time of a mount's root, which was made just then."""
    return [
        [
            {path: node for path, node in each.items() if path} if isinstance(each, dict) else each
            for each in row
        ]
        for row in found
    ]


def test_a_guest_shows_what_the_host_shows(guest: GuestLab) -> None:
    tree: Tree = {
        "": DIRECTORY,
        "d": Node("directory", 0o2775, 7, 8, -1_500_000_001),
        "d/f": Node("file", 0o4755, 1, 2, 3, (("user.a", b"b"),), b"x" * 10_000, link="d/f"),
        "d/g": Node("file", 0o4755, 1, 2, 3, (("user.a", b"b"),), b"x" * 10_000, link="d/f"),
        "d/s": Node("symlink", 0o777, 5, 6, 7, target="nowhere"),
        "p": Node("fifo", 0o644),
        "w": Node("char", 0),
        "\udcff": Node("file", 0o600),
    }
    job = Job((Layout("l1", tree), Walk("l1")))
    try:
        with HostLab() as host:
            assert guest.run([job]) == host.run([job])
    except LabError as why:
        pytest.skip(str(why))
    assert guest.run([job]) == [[None, tree]]


@pytest.mark.parametrize("names", [1, 129, 700])
def test_a_directory_of_any_size_is_read(guest: GuestLab, names: int) -> None:
    tree: Tree = {"": DIRECTORY, **{f"{number:04}": Node("file", 0o600) for number in range(names)}}
    assert guest.run([Job((Layout("l1", tree), Walk("l1")))]) == [[None, tree]]


def test_many_xattrs_of_many_files_are_read(guest: GuestLab) -> None:
    many = tuple((f"user.{number:03}", b"") for number in range(80))
    tree: Tree = {"": DIRECTORY, **{f"{number:03}": Node("file", xattrs=many) for number in range(128)}}
    assert guest.run([Job((Layout("l1", tree), Walk("l1")))]) == [[None, tree]]


def test_large_files_are_read(guest: GuestLab) -> None:
    tree: Tree = {"": DIRECTORY, **{name: Node("file", content=bytes(20 << 20)) for name in "ab"}}
    assert guest.run([Job((Layout("l1", tree), Walk("l1")))]) == [[None, tree]]


def test_layers_that_are_too_large_are_refused(guest: GuestLab) -> None:
    tree: Tree = {"": DIRECTORY, "f": Node("file", content=bytes(257 << 20))}
    with pytest.raises(LabError, match="257 MB are too large for a guest"):
        guest.run([Job((Layout("l1", tree),))])


def test_a_replaced_guest_does_python_and_its_own_steps_by_turns(guest: GuestLab) -> None:
    tree: Tree = {"": DIRECTORY, "a": DIRECTORY, "b": DIRECTORY, "a/c": DIRECTORY}
    own = Job((Layout("l1", tree), Walk("l1"), Log()))
    guest.close()
    for _ in range(3):
        assert guest.run([own]) == [[None, tree, []]]
        assert guest.run_in_python([own]) == [[None, tree, []]]


def test_a_replaced_guest_leaves_out_the_xattrs_that_the_first_one_did(guest: GuestLab) -> None:
    """As where a security module answers for one whatever lies there."""
    noted = Node("directory", xattrs=(("user.kept", b""), ("user.modules", b"")))
    seen: Tree = {"": DIRECTORY, "a": noted._replace(xattrs=noted.xattrs[:1])}
    guest.close()
    guest.left_out = ("user.modules",)
    job = Job((Layout("l1", {"": DIRECTORY, "a": noted}), Walk("l1")))
    left_out = guest.run([job])
    guest.close()
    guest.left_out = ()
    assert left_out == [[None, seen]] != guest.run([job])


def test_long_values_and_many_xattrs_are_read(guest: GuestLab) -> None:
    long = ("user.long", b"v" * 4000)
    many = tuple((f"user.{number:03}", b"") for number in range(150))
    tree: Tree = {"": DIRECTORY, "a": Node("directory", xattrs=(long,)), "b": Node("directory", xattrs=many)}
    assert guest.run([Job((Layout("l1", tree), Walk("l1")))]) == [[None, tree]]


def test_a_mount_that_fails_says_why(guest: GuestLab) -> None:
    steps = (Layout("l1", {"": DIRECTORY}), Mount("m", ("l1",), options=(("bogus", "1"),)), Walk("m"))
    [[_, failed]] = guest.run([Job(steps)])
    assert isinstance(failed, Failure)
    assert "Unknown parameter 'bogus'" in failed.text


@pytest.mark.parametrize("namespace", overlayfs.PREFIX)
def test_the_helper_layer_lends_a_marked_root_nothing(namespace: overlayfs.Namespace) -> None:
    program = image("6.12+dirmeta")
    root = Node("directory", 0o711, 3, 4, 5, ((overlayfs.mark_name(namespace), b"y"),))
    options = (("dirmeta_delegate", "on"), *([("userxattr", "")] if namespace == "user" else []))
    job = Job((Layout("l1", {"": root}), Mount("m", ("l1",), options=options), Walk("m")))
    with GuestLab(lambda: Uml(program, "uml")) as lab:
        seen = [*lab.run([job]), *lab.run_in_python([job])]
    assert seen == [[None, None, {"": root._replace(xattrs=())}]] * 2


def test_what_a_job_left_mounted_is_gone_in_the_next(guest: GuestLab) -> None:
    laid: Tree = {"": DIRECTORY, "f": Node("file")}
    first = Job((Layout("l1", laid), Mount("m", ("l1",)), Walk("m")))
    assert guest.run([first, first]) == [[None, None, laid]] * 2
    twice = Job((*first.steps, Unmount("m"), Walk("m"), Log()))
    results: list[Result] = [None, None, laid, None, {"": DIRECTORY._replace(mtime=None)}, []]
    [found] = guest.run([twice])
    assert len(found) == len(results)
    assert found[:4] == results[:4]
    assert list(found[4]) == [""]  # type: ignore[arg-type]  # a Walk answers a Tree


def test_a_guest_that_is_killed_is_replaced(guest: GuestLab) -> None:
    job = Job((Layout("l1", {"": DIRECTORY}), Walk("l1")))
    for pid in [pid for name in KERNELS for pid in processes(os.getpid(), image(name))]:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(Misbehaviour, match="lost"):
        guest.run([job])
    assert guest.run([job]) == [[None, {"": DIRECTORY}]]


def test_nothing_is_left_of_a_killed_run() -> None:
    program = image()
    code = (
        "import sys\nfrom dirmeta.labs.guest.uml import Uml\n"
        "guest = Uml(sys.argv[1], 'uml')\nprint('up', flush=True)\nsys.stdin.read()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    inside = processes(run.pid, program)
    assert inside
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in inside):
        assert time.monotonic() < deadline, "processes of the guest are left"
        time.sleep(0.01)


def test_what_is_no_kernel_does_not_boot() -> None:
    with pytest.raises(LabError, match="uml:x does not boot"):
        Uml("/bin/false", "uml:x")


def processes(above: int, program: str) -> list[int]:
    """The processes of a program that are below a process."""
    found, parents = [], {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if os.readlink(entry / "exe") == os.path.realpath(program):
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue

    def is_below(pid: int) -> bool:
        while pid > 1:
            if pid == above:
                return True
            pid = parents.get(pid, 0)
        return False

    return [pid for pid in found if is_below(pid)]
