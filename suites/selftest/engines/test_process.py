"""Programs and daemons of an engine: how they end is told, and none is left."""

import os
import signal
import time
from pathlib import Path

import pytest

from dirmeta.subjects.engines import probe
from dirmeta.subjects.engines.base import EngineError, NotInstalled, Refused
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import daemon, environment, run

from .scripts import script

LISTENS = 'touch "$1"; trap "exit 0" TERM; while :; do sleep 0.05; done'


def test_what_a_program_says_is_returned(tmp_path: Path) -> None:
    assert run(("sh", "-c", "cat; echo x"), environment(str(tmp_path)), stdin=b"in\n") == "in\nx\n"


def test_the_last_complaints_are_told_and_warnings_are_not(tmp_path: Path) -> None:
    says = "echo one >&2; echo level=warning >&2; echo two >&2; exit 3"
    with pytest.raises(Refused, match=r"^sh: exit status 3: one; two$"):
        run(("sh", "-c", says), environment(str(tmp_path)))


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"killed after 0\.2 s"):
        run(("sh", "-c", "sleep 30 & sleep 30"), environment(str(tmp_path)), timeout=0.2)
    assert time.monotonic() - began < 10


def test_a_daemon_serves_and_is_ended(tmp_path: Path) -> None:
    program = script(tmp_path, LISTENS, "served")
    socket = str(tmp_path / "socket")
    with daemon(
        (str(program), socket), environment(str(tmp_path)), home=str(tmp_path), socket=socket
    ) as server:
        assert server.ask(("echo", "asked"), environment(str(tmp_path))) == "asked\n"
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_daemon_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = script(tmp_path, "echo no cgroups >&2; exit 2", "served")
    home = str(tmp_path)
    with (
        pytest.raises(EngineError, match=r"^served does not start: exit status 2: no cgroups$"),
        daemon((str(program),), environment(home), home=home, socket=f"{home}/socket"),
    ):
        pass


def test_a_daemon_that_never_listens_is_given_up(tmp_path: Path) -> None:
    program = script(tmp_path, "echo slow >&2; exec sleep 30", "served")
    home = str(tmp_path)
    with (
        pytest.raises(EngineError, match=r"^served does not listen after 0\.2 s: slow$"),
        daemon((str(program),), environment(home), home=home, socket=f"{home}/socket", patience=0.2),
    ):
        pass


def test_a_daemon_that_dies_in_the_middle_is_no_refusal(tmp_path: Path) -> None:
    program = script(tmp_path, LISTENS, "served")
    home, socket = str(tmp_path), str(tmp_path / "socket")
    with daemon((str(program), socket), environment(home), home=home, socket=socket) as server:
        with pytest.raises(Refused, match="exit status 1"):
            server.ask(("false",), environment(home))
        with pytest.raises(EngineError, match=r"^sleep was killed after 0\.2 s"):
            server.ask(("sleep", "30"), environment(home), timeout=0.2)
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=r"^served died in the middle: signal 9: it said nothing$"):
            server.ask(("false",), environment(home))
        with pytest.raises(EngineError, match=r"^served died in the middle"):
            server.ask(("sleep", "30"), environment(home), timeout=0.2)


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("tool version 1.9.9", "is 1.9.9, which is too old: 1.10 or later is needed; apt-get install tools"),
        ("what?", "does not say its version; apt-get install --reinstall tools"),
    ],
)
def test_a_tool_that_will_not_do_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, why: str
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tool = script(tmp_path, f"echo '{says}'", "tool")
    with pytest.raises(NotInstalled) as raised:
        Probe("tool", "tools", ("--version",), r"tool version (\S+)", "1.10").look()
    assert str(raised.value) == f"{tool} {why}"
    with pytest.raises(NotInstalled, match=r"^no-such-tool is not installed; apt-get install tools$"):
        Probe("no-such-tool", "tools").look()


def test_a_tool_that_hangs_when_asked_for_its_version_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(probe, "_TIMEOUT", 0.2)
    tool = script(tmp_path, "exec sleep 60", "tool")
    with pytest.raises(NotInstalled) as raised:
        Probe("tool", "tools", ("--version",), r"tool version (\S+)").look()
    assert str(raised.value) == (
        f"{tool} does not say its version in 0.2 s; apt-get install --reinstall tools"
    )


def test_a_tool_that_is_new_enough_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tool = script(tmp_path, "echo tool version 1.10+ds1", "tool")
    found = Probe("tool", "tools", ("--version",), r"tool version (\S+)", "1.9.9").look()
    assert found == (str(tool), "1.10+ds1")
