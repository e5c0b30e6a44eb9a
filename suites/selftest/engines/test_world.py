"""A private world ends with its engine: whoever is killed, nothing is left."""

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from dirmeta.judge.composing import SMOKE
from dirmeta.subjects.engines.base import EngineError
from dirmeta.subjects.engines.program import program_engine
from dirmeta.subjects.engines.world import World

from ..worlds import skip_without
from .scripts import script

MOUNTS = Path("/proc/self/mountinfo")


def running(word: str) -> bool:
    """Whether some process has that word on its command line."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


def gone(word: str) -> bool:
    """Whether it is gone, or will be in a moment."""
    deadline = time.monotonic() + 10
    while running(word) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not running(word)


def opened(path: Path) -> World:
    try:
        return World(program_engine(str(path)))
    except EngineError as why:
        skip_without(why)


def test_what_an_engine_starts_and_mounts_ends_with_its_world(tmp_path: Path) -> None:
    word = f"8{secrets.randbelow(10**9):09d}"
    engine = script(
        tmp_path, f'mount -t tmpfs mine "$2"; mkdir "$2/d"; setsid sleep {word} >/dev/null 2>&1 &'
    )
    before = MOUNTS.read_text()
    with opened(engine) as world:
        composed = world.compose(SMOKE)
        assert composed.tree is not None
        assert running(word)
    assert gone(word)
    assert MOUNTS.read_text() == before


def test_an_engine_can_not_write_the_machine(tmp_path: Path) -> None:
    engine = script(
        tmp_path, f"for i in {tmp_path} /etc /usr /var /root; do touch $i/x && exit 0; done; exit 7"
    )
    with opened(engine) as world:
        assert "exit status 7" in world.compose(SMOKE).refused


def test_a_killed_comparison_leaves_nothing(tmp_path: Path) -> None:
    word = f"9{secrets.randbelow(10**9):09d}"
    engine = script(tmp_path, f"sleep {word}")
    opened(engine).close()
    before = set(os.listdir("/tmp")), MOUNTS.read_text()
    process = subprocess.Popen(
        [sys.executable, "-m", "dirmeta", "compare", "--subject", f"engine:{engine}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    deadline = time.monotonic() + 20
    while not running(f"sleep\0{word}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(f"sleep\0{word}")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(word)
    assert {name for name in set(os.listdir("/tmp")) - before[0] if "dirmeta" in name} == set()
    assert MOUNTS.read_text() == before[1]
