"""What a confined program can do, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dirmeta.sandbox import confine, serve, syscalls
from dirmeta.sandbox.canary import Canary
from dirmeta.sandbox.confine import TAIL, Confined
from dirmeta.sandbox.namespace import NamespaceError
from dirmeta.sandbox.worker import Worker

PATH = "/usr/bin:/bin"
LONG = 60.0


@pytest.fixture(scope="module")
def inside() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


class Place:
    """A directory of the private world with a destination, and a way to run programs on it."""

    def __init__(self, inside: Worker, work: str) -> None:
        self.inside = inside
        self.work = work
        self.dest = f"{work}/dest"
        inside.call(os.makedirs, self.dest)
        self.canary = inside.call(Canary, work)

    def run(
        self, *argv: str, timeout: float = LONG, memory: int = 1 << 30, stdin: bytes | None = None
    ) -> Confined:
        return self.inside.call(
            confine.run,
            argv,
            dest=self.dest,
            canary=f"{self.work}/canary",
            env={"PATH": PATH, "DEST": self.dest},
            timeout=timeout,
            memory=memory,
            stdin=stdin,
        )

    def sh(self, script: str, timeout: float = LONG, stdin: bytes | None = None) -> Confined:
        return self.run("sh", "-c", script, timeout=timeout, stdin=stdin)


@pytest.fixture
def place(inside: Worker, request: pytest.FixtureRequest) -> Place:
    return Place(inside, f"{inside.call(serve.scratch)}/{abs(hash(request.node.name))}")


def test_a_program_writes_to_its_destination(place: Place) -> None:
    ended = place.sh("cat > $DEST/file && echo done && echo careful >&2 && exit 3", stdin=b"hello")
    assert ended == Confined(3, b"done\n", "careful")
    assert place.inside.call(os.listdir, place.dest) == ["file"]


def test_nothing_else_can_be_written(place: Place) -> None:
    other = place.inside.call(serve.scratch)
    for target in ("/etc", "/", "/usr", other):
        ended = place.sh(f"exec 2>&1; echo x > {target}/stray")
        assert b"Read-only file system" in ended.stdout_tail, target


def test_there_is_a_private_tmp(place: Place) -> None:
    assert place.sh("ls -A /tmp; echo x > /tmp/x; cat /tmp/x").stdout_tail == b"x\n"
    assert place.sh("ls -A /tmp").stdout_tail == b""


def test_a_program_that_lies_in_tmp_can_still_be_seen(place: Place) -> None:
    program = Path("/tmp") / f"dirmeta-selftest-{os.getpid()}"
    program.write_text("#!/bin/sh\necho here; echo x > $TMPDIR/x; echo x > /tmp/stray\n")
    try:
        program.chmod(0o755)
        ended = place.run(str(program))
    finally:
        program.unlink()
    assert ended.stdout_tail == b"here\n"
    assert "Read-only" in ended.stderr


def test_a_program_sees_its_own_processes_alone(place: Place) -> None:
    assert place.sh("cd /proc; echo [0-9]*").stdout_tail.split() == [b"1", b"2"]


def test_there_is_no_network(place: Place) -> None:
    script = "import socket; socket.create_connection(('127.0.0.1', 9), 5)"
    assert "unreachable" in place.run(sys.executable, "-c", script).stderr


def test_a_signal_is_told_from_a_status(place: Place) -> None:
    assert place.sh("kill -ABRT $$").status == -signal.SIGABRT
    assert place.sh("kill -KILL $$") == Confined(-signal.SIGKILL)


@pytest.mark.parametrize(
    ("program", "why"),
    [("/no/such/program", "No such file"), ("/etc/passwd", "Permission"), ("no-such", "No such file")],
)
def test_what_can_not_be_executed_can_not_start(place: Place, program: str, why: str) -> None:
    assert why in place.run(program).cannot_start


def test_what_is_no_program_can_not_start(place: Place) -> None:
    place.sh("echo nonsense > $DEST/x; chmod 755 $DEST/x")
    assert "format" in place.run(f"{place.dest}/x").cannot_start


def test_a_program_that_hangs_is_killed(place: Place) -> None:
    ended = place.sh("echo before; sleep 1000", timeout=0.3)
    assert ended == Confined(-signal.SIGKILL, b"before\n", timed_out=True)


def test_what_a_program_left_running_ends_with_it(place: Place) -> None:
    assert place.sh("(setsid sh -c 'sleep 1000; echo late') & exit 5") == Confined(5)
    assert [name for name in place.inside.call(os.listdir, "/proc") if name.isdigit()] == ["1"]


def test_endless_output_is_bounded(place: Place) -> None:
    ended = place.sh("cat /dev/zero", timeout=0.3)
    assert ended.timed_out
    assert len(ended.stdout_tail) == TAIL


def test_memory_is_bounded(place: Place) -> None:
    ended = place.run(sys.executable, "-c", "bytearray(1 << 29)", memory=1 << 28)
    assert ended.status == 1
    assert ended.stderr.endswith("MemoryError")


def test_a_full_disk_is_told(inside: Worker) -> None:
    scratch = f"{inside.call(serve.scratch)}/small"
    inside.call(os.mkdir, scratch)
    inside.call(syscalls.mount, "small", scratch, "tmpfs", 0, "size=1m")
    place = Place(inside, f"{scratch}/work")
    assert not inside.call(confine.is_full, place.dest)
    ended = place.sh("dd if=/dev/zero of=$DEST/big bs=64k")
    assert ended.status != 0
    assert inside.call(confine.is_full, place.dest)


@pytest.mark.parametrize(
    ("script", "change"),
    [
        ("echo x >> ../canary/file", "../canary/file changed (mtime, size)"),
        ("chmod 700 ../canary/dir", "../canary/dir changed (mode)"),
        ("touch -d @5 ../canary/dir/deep", "../canary/dir/deep changed (mtime)"),
        ("rm ../canary/link", "../canary changed (mtime)"),
        ("mkdir ../canary/dir/new", "../canary/dir changed (mtime)"),
        ("touch ../evil", "../evil appeared"),
        ("ln ../canary/file x; chmod 777 x", "../canary/file changed (mode)"),
        ("touch inside", ""),
    ],
)
def test_the_canary_tells_what_was_done_beside_the_destination(
    place: Place, script: str, change: str
) -> None:
    ended = place.sh(f"cd $DEST; {script}")
    assert ended.status == 0
    assert place.inside.call(Canary.changed, place.canary) == change


def test_outside_a_private_world_nothing_is_run(tmp_path: Path) -> None:
    with pytest.raises(NamespaceError, match="refusing"):
        confine.run(["true"], dest=str(tmp_path), canary=str(tmp_path), env={}, timeout=1, memory=1 << 28)
