"""The private world: what it keeps apart, and why it can not be had."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dirmeta.sandbox import diagnosis, namespace, readonly, serve, syscalls
from dirmeta.sandbox.diagnosis import Facts, diagnose
from dirmeta.sandbox.namespace import NamespaceError
from dirmeta.sandbox.worker import Worker, WorkerError

ADMIN = 1 << diagnosis.CAP_SYS_ADMIN
USER = Facts("unshare", errno.EPERM, euid=1000, capabilities=0, seccomp=0, nested=False, sysctls={})
ROOT = USER._replace(euid=0, capabilities=ADMIN)


@pytest.fixture(scope="module")
def inside() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def test_the_inside_is_pid_1_and_root(inside: Worker) -> None:
    assert inside.call(os.getpid) == 1
    assert inside.call(os.getuid) == 0


def test_the_inside_has_every_namespace_of_its_own(inside: Worker) -> None:
    for kind in ("mnt", "pid", "ipc", "net", "uts"):
        name = f"/proc/self/ns/{kind}"
        assert inside.call(os.readlink, name) != os.readlink(name)


def test_the_host_is_seen_and_can_not_be_written(inside: Worker, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    assert inside.call(os.listdir, str(tmp_path)) == ["file"]
    with pytest.raises(WorkerError, match="Read-only"):
        inside.call(os.mkdir, str(tmp_path / "d"))


def test_a_directory_that_was_asked_for_can_be_written(tmp_path: Path) -> None:
    with Worker(writable=[str(tmp_path)]) as worker:
        worker.call(os.mkdir, str(tmp_path / "d"))
    assert (tmp_path / "d").is_dir()


def test_the_scratch_directory_exists_inside_alone(inside: Worker) -> None:
    scratch = inside.call(serve.scratch)
    inside.call(os.mkdir, f"{scratch}/d")
    assert inside.call(os.path.isdir, f"{scratch}/d")
    assert not os.path.exists(scratch)


def test_a_mount_inside_is_not_seen_outside(inside: Worker) -> None:
    before = Path("/proc/self/mountinfo").read_text("utf-8")
    scratch = f"{inside.call(serve.scratch)}/m"
    inside.call(os.mkdir, scratch)
    inside.call(syscalls.mount, "x", scratch, "tmpfs")
    assert Path("/proc/self/mountinfo").read_text("utf-8") == before


def test_mounts_are_refused_outside(inside: Worker) -> None:
    inside.call(namespace.assert_private)
    with pytest.raises(NamespaceError, match="refusing to mount outside"):
        namespace.assert_private()


def test_a_process_with_threads_is_refused() -> None:
    script = (
        "import threading; from dirmeta.sandbox import namespace\n"
        "stop = threading.Event(); threading.Thread(target=stop.wait).start()\n"
        "try: namespace.enter()\n"
        "except namespace.NamespaceError as error: print(error)\n"
        "finally: stop.set()\n"
    )
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "a process with threads can not enter a private world; start a fresh one\n"


def test_an_orphan_is_reaped(inside: Worker) -> None:
    fifo = f"{inside.call(serve.scratch)}/fifo"
    inside.call(os.mkfifo, fifo)
    inside.call(os.system, f"(sh -c 'sleep 0; echo x > {fifo}' &)")
    assert inside.call(os.read, inside.call(os.open, fifo, os.O_RDONLY), 1) == b"x"
    listings = (inside.call(os.listdir, "/proc") for _ in range(10_000))  # it ends a moment after it wrote
    assert any([name for name in names if name.isdigit()] == ["1"] for names in listings)


def test_mounts_become_read_only_without_mount_setattr_too() -> None:
    with Worker() as worker:
        scratch = worker.call(serve.scratch)
        worker.call(readonly.remount_readonly)
        with pytest.raises(WorkerError, match="Read-only"):
            worker.call(os.mkdir, f"{scratch}/d")
        worker.call(readonly.make_writable, scratch)
        worker.call(os.mkdir, f"{scratch}/d")


def test_an_error_inside_is_one_line_with_the_traceback_apart(inside: Worker) -> None:
    with pytest.raises(WorkerError, match=r"FileNotFoundError: .*nowhere") as caught:
        inside.call(os.listdir, "/nowhere")
    assert "\n" not in str(caught.value)
    assert "Traceback" in caught.value.details


def test_a_value_that_can_not_be_pickled_is_an_error(inside: Worker) -> None:
    with pytest.raises(WorkerError, match="pickle"):
        inside.call(eval, "lambda: 0")
    assert inside.call(os.getpid) == 1


def test_mount_points_are_read_with_their_flags() -> None:
    lines = [
        "36 35 98:0 /mnt1 /a\\040b rw,noatime,nosuid master:1 - ext3 /dev/root rw\n",
        "37 35 98:0 / /c ro,relatime - tmpfs x rw\n",
    ]
    assert list(readonly.mounts(lines)) == [("/a b", syscalls.MS_NOSUID | 1 << 10), ("/c", 1 << 21)]


@pytest.mark.parametrize(
    ("facts", "obstacle", "remedy"),
    [
        (USER._replace(sysctls={"kernel.unprivileged_userns_clone": 0}), "for root alone", "userns_clone=1"),
        (
            USER._replace(sysctls={"user.max_user_namespaces": 0}, number=errno.ENOSPC),
            "switched off", "max_user_namespaces=10000",
        ),
        (
            ROOT._replace(sysctls={"user.max_net_namespaces": 0}, number=errno.ENOSPC),
            "max_net_namespaces=0", "max_net_namespaces=10000",
        ),
        (
            USER._replace(
                call="mount", euid=0, number=errno.EACCES,
                sysctls={"kernel.apparmor_restrict_unprivileged_userns": 1},
            ),
            "AppArmor", "restrict_unprivileged_userns=0",
        ),
        (ROOT._replace(seccomp=2, capabilities=0), "seccomp filter", "seccomp=unconfined"),
        (USER._replace(seccomp=2), "seccomp filter", "outside it"),
        (ROOT._replace(capabilities=0), "no CAP_SYS_ADMIN", "--cap-add SYS_ADMIN"),
        (USER._replace(number=errno.ENOSPC, nested=True), "nested too deep", "raise user.max_"),
        (USER._replace(nested=True), "may not make another", "run outside it"),
        (USER._replace(number=errno.EINVAL), "lacks a kind of namespace", "CONFIG_USER_NS"),
        (ROOT._replace(call="pivot_root", number=errno.EINVAL), "no mount point", "run from a root"),
        (ROOT._replace(call="mount", number=errno.EIO), "mount failed with", "namespaces(7)"),
    ],
)  # fmt: skip
def test_an_obstacle_is_named_with_its_remedy(facts: Facts, obstacle: str, remedy: str) -> None:
    text = diagnose(facts)
    assert obstacle in text
    assert remedy in text
    assert "\n" not in text


def test_facts_are_gathered_from_this_process() -> None:
    facts = diagnosis.gather(OSError(errno.EPERM, "unshare: no"), nested=False)
    assert (facts.call, facts.number, facts.euid) == ("unshare", errno.EPERM, os.geteuid())


def test_a_world_can_be_had_from_inside_a_user_namespace() -> None:
    script = "from dirmeta.sandbox.worker import Worker\nwith Worker() as it: print(it.call(len, 'x'))"
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")
