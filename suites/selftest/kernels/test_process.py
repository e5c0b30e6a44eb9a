"""No program is left behind, however the wait for it ends."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dirmeta.kernels import process
from dirmeta.kernels.errors import KernelError
from dirmeta.kernels.process import require, require_space, run


def ended(pidfd: int) -> bool:
    """Whether a process, by its pidfd, has ended or does so in a moment."""
    readable, _, _ = select.select([pidfd], [], [], 10)
    os.close(pidfd)
    return bool(readable)


def test_lines_come_as_they_are_written_and_the_status_at_the_end() -> None:
    lines: list[str] = []
    assert run(["sh", "-c", "echo one; echo two >&2; exit 3"], lines.append) == 3
    assert lines == ["one", "two"]


def test_an_interrupt_ends_the_program_and_its_children() -> None:
    seen: list[int] = []

    def interrupt(line: str) -> None:
        seen.append(os.pidfd_open(int(line)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", "sleep 1000 & echo $!; wait"], interrupt)
    assert ended(seen[0])


def test_what_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.1)
    seen: list[int] = []

    def interrupt(line: str) -> None:
        seen.append(os.pidfd_open(int(line)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 1000; done"], interrupt)
    assert ended(seen[0])


def test_it_ends_with_a_parent_that_is_killed() -> None:
    code = (
        f"from dirmeta.kernels.process import run; run({['sh', '-c', 'echo $$; exec sleep 1000']!r}, print)"
    )
    with subprocess.Popen(
        [sys.executable, "-uc", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    assert ended(child)


def test_it_sees_no_input() -> None:
    lines: list[str] = []
    assert run(["cat"], lines.append) == 0 and lines == []


def test_all_that_is_missing_is_named_with_the_line_that_installs_it() -> None:
    with pytest.raises(KernelError) as caught:
        require({"no-such-flex": "flex", "sh": "dash", "no-such-bison": "bison", "no-bison": "bison"}, "here")
    assert str(caught.value) == "here: flex and bison are missing; apt-get install flex bison"


def test_one_that_is_missing_is_missing_alone() -> None:
    with pytest.raises(KernelError, match=r"^here: flex is missing; apt-get install flex$"):
        require({"no-such-flex": "flex"}, "here")


def test_room_is_asked_for_where_it_is_needed(tmp_path: Path) -> None:
    require_space(tmp_path / "new", 0)
    free = shutil.disk_usage(tmp_path).free / 1e9
    with pytest.raises(KernelError, match=f"{tmp_path}/new: no space: .* set DIRMETA_CACHE"):
        require_space(tmp_path / "new", free * 2)
