"""`dirmeta kernel` as users meet it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from dirmeta.cli import commands
from dirmeta.cli.errors import one_line_errors
from dirmeta.cli.kernel import Steps
from suites.selftest.kernels.conftest import changing

Run = Callable[..., tuple[int, str, str]]
"""Given the words after `dirmeta kernel`: (exit status, stdout, stderr)."""


@pytest.fixture
def kernel(capsys: pytest.CaptureFixture[str], cache: Path) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        status = 0
        try:
            with one_line_errors():
                commands(["kernel", *words], standalone_mode=False)
        except SystemExit as ended:
            status = int(ended.code or 0)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def patch(tmp_path: Path) -> str:
    (tmp_path / "mine.patch").write_bytes(changing())
    return str(tmp_path / "mine.patch")


@pytest.mark.usefixtures("tools")
def test_a_version_that_is_not_to_be_had_is_wrong_usage(kernel: Run) -> None:
    status, out, err = kernel("build", "7.3")
    assert (status, out) == (2, "") and "there are 6.1, 6.12" in err.splitlines()[-1]


@pytest.mark.usefixtures("tools")
def test_an_own_kernel_is_built_listed_shown_and_removed(kernel: Run, patch: str) -> None:
    status, out, err = kernel("build", "6.12", "--arch", "x86", "--patch", patch, "--name", "mine")
    assert status == 0 and out.startswith("x86:mine  6.12.117  /"), err
    assert err.splitlines()[0] == "dirmeta: apt-get update, with private lists"
    assert "x86:mine" in kernel("list")[1] and "to build: 6.1, 6.12, 6.12+dirmeta" in kernel("list")[1]
    status, out, _ = kernel("show", "mine", "--arch", "x86")
    assert status == 0 and "patches   mine.patch\nbatching  none" in out and "CONFIG_VIRTIO_PCI=y" in out
    assert kernel("clean", "mine", "--arch", "x86")[0] == 0
    assert "x86:mine" not in kernel("list")[1]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("build",), 2, "either VERSION or --tree DIR is wanted"),
        (("build", "6.12", "--tree", "."), 2, "either VERSION or --tree DIR is wanted"),
        (("build", "--tree", "/nowhere"), 2, "/nowhere: is not the source of a kernel"),
        (("build", "--tree", ".", "--source", "x"), 2, "--tree has its source"),
        (("build", "six"), 2, "a version is wanted, like 6.12"),
        (("build", "5.4+dirmeta"), 2, "5.4: has no reference patch; there is one for 6.12"),
        (("build", "6.12", "--patch", "x"), 2, "--patch FILE and --name NAME go together"),
        (("build", "6.12", "--patch", "/nowhere", "--name", "x"), 2, "/nowhere: No such file"),
        (("build", "6.12", "--source", "/nowhere.tar"), 2, "--source /nowhere.tar: No such file"),
        (("build", "6.12", "--arch", "arm"), 2, "--arch"),
        (("show", "6.12"), 3, "uml:6.12: not built yet; run: dirmeta kernel build 6.12"),
        (("clean", "nope"), 2, "nope: nothing is built under this name"),
        (("clean", "6.12", "--all"), 2, "either NAME or --all"),
    ],
)
@pytest.mark.usefixtures("tools")
def test_what_is_wrong_is_one_line(kernel: Run, words: tuple[str, ...], status: int, says: str) -> None:
    ended, out, err = kernel(*words)
    assert (ended, out) == (status, "") and says in err
    assert err.startswith("dirmeta: ") and err.count("\n") == 1


def test_steps_of_a_kind_are_told_once_where_nobody_watches() -> None:
    stream = io.StringIO()
    steps = Steps(stream)
    for step in ("configuring", "compiling: about 1 %  a.o", "compiling: about 2 %  b.o"):
        steps(step)
    steps.clear()
    assert stream.getvalue() == "dirmeta: configuring\ndirmeta: compiling\n"


def test_on_a_terminal_they_take_turns_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    steps = Steps(stream)
    steps("configuring")
    steps("compiling: about 1 %  a.o")
    steps.clear()
    assert "\n" not in stream.getvalue() and stream.getvalue().endswith("about 1 %  a.o\r\x1b[K")
