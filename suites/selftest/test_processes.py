"""Watching a run and all that it starts, which may end at any moment."""

import subprocess
import sys
from pathlib import Path

import pytest

from dirmeta.judge import processes


def test_a_process_that_has_ended_has_no_family_and_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert list(processes._family_of(process.pid)) == [process.pid]
    assert processes._peak(process.pid) == 0


def test_one_that_ends_while_it_is_looked_at_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's glob raises where the directory goes between two of its own looks."""

    def vanish(*_: object) -> list[Path]:
        raise FileNotFoundError(2, "No such file or directory", "/proc/1/task")

    monkeypatch.setattr(Path, "glob", vanish)
    monkeypatch.setattr("os.listdir", vanish)
    assert list(processes._family_of(1)) == [1]
