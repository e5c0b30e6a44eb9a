"""The command as users meet it: one line for what is wrong, the right exit status, never a traceback."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dirmeta.model.listing import parse
from dirmeta.rules.catalogue import catalogue
from dirmeta.streams import tar
from dirmeta.subjects import SUBJECTS
from dirmeta.subjects.engines.table import ENGINES

Run = Callable[..., tuple[int, str, str]]
"""Given the command's words: (exit status, stdout, stderr)."""

NOT_ROOT = "dirmeta: layer.tar: f: Operation not permitted; an ordinary user does this under unshare -Ur\n"
NESTED_ONLY = ("--rules", "MERGE-NESTED", "-n", "0", "--examples", "64")


@pytest.fixture
def dirmeta(tmp_path: Path) -> Run:
    """Runs the command; returns (exit status, stdout, stderr). What it stores goes to tmp_path."""

    def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "dirmeta", *words],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={
                **os.environ,
                "DIRMETA_CACHE": str(tmp_path / "cache"),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            check=False,
        )
        assert "Traceback" not in ended.stdout + ended.stderr
        return ended.returncode, ended.stdout, ended.stderr

    return run


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return f"cmd:{path}"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("run", "--subject", "nope"), 2, "no such subject; there are reference, cmd:PROGRAM, tar"),
        (("run", "--subject", "tar,x=1"), 2, "no option of it"),
        (("run", "--kernel", "nope"), 2, "there is host"),
        (("run", "--rules", "NOPE-*"), 2, "no rule matches 'NOPE-*'"),
        (("run", "--rules", ","), 2, "no rule matches ''"),
        (("run", "--rules", "UNPACK-CHUNKED"), 2, "no rule that matches has a check"),
        (("run", "--profile", "nope"), 2, "there are quick, full"),
        (("run", "--policy", "fallback"), 2, "NAME=VALUE is wanted"),
        (("run", "--policy", "nope=1"), 2, "no policy is called nope"),
        (("run", "--policy", "fallback=middle"), 2, "topmost or lowest"),
        (("run", "--expect", "nope"), 2, "topmost or delegate"),
        (("run", "--umask", "999"), 2, "an octal umask"),
        (("run", "-n", "many"), 2, "a number or auto"),
        (("run", "-n", "\N{SUPERSCRIPT TWO}"), 2, "a number or auto"),
        (("run", "--timeout", "nan"), 2, "--timeout nan: more than zero is wanted"),
        (("run", "--examples", "few"), 2, "not a valid integer"),
        (("run", "--nope"), 2, "No such option"),
        (("run", "--rules", ""), 2, "--rules: is empty"),
        (("run", "--subject", ""), 2, "--subject: is empty"),
        (("replay", "layer 1 a", "--kernel", ""), 2, "--kernel: is empty"),
        (("run", "--json", "/nonexistent/report.json"), 2, "its directory can not be written"),
        (("run", "--subject", "cmd:/nonexistent"), 3, "does not exist"),
        (("run", "--scratch", "/nonexistent"), 3, "no such directory"),
        (("nope",), 2, "No such command"),
        (("rules", "show", "NOPE-*"), 2, "no rule matches"),
        (("replay", "nope"), 2, "no such file, id of a stored case, or listing"),
        (("replay", "abcdef123456"), 2, "no case abcdef123456 is stored"),
        (("replay", "layer 1 a b c"), 2, "line 1"),
        (("replay", f"layer 1 {'a' * 255} b c"), 2, "line 1"),
        (("unpack", "/nonexistent.tar", "."), 2, "No such file"),
        (("diff-kernels", "host"), 2, "Missing argument 'B'"),
        (("diff-kernels", "host", "nope"), 2, "no kernel is called 'nope'; there is host"),
        (("run", "--kernel", "uml:/nonexistent", "-n", "0"), 2, "--kernel: uml:/nonexistent is no program"),
        (("diff-kernels", "host", "uml:/nonexistent"), 2, "is no program"),
        (("diff-kernels", "host", "host", "--json", "/nonexistent/r"), 2, "its directory can not be written"),
        (("diff-kernels", "host", "host", "--case", "nope"), 2, "no such file, id of a stored case"),
        (("diff-kernels", "host", "host", "--rules", "MERGE-*"), 2, "No such option"),
    ],
)
def test_wrong_input_is_one_line(dirmeta: Run, words: Sequence[str], status: int, says: str) -> None:
    ended, out, err = dirmeta(*words)
    assert ended == status
    assert out == ""
    assert err.startswith("dirmeta: ") and err.count("\n") == 1
    assert says in err


def test_every_subject_is_listed_and_what_it_takes_to_have_it(
    dirmeta: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended, out, _ = dirmeta("subject", "list")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert ended == 0
    assert {row.partition(",")[0] for row in rows} > {*ENGINES, *SUBJECTS} - {"cmd"}
    assert rows["reference"] == "always here"
    assert rows["podman,driver=overlay|vfs|fuse-overlayfs"].endswith("apt-get install podman")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exit 0", "there is no directory d"),
        ("exit 7", "exit status 7"),
        ("echo cause >&2; exit 1", "exit status 1: cause"),
        ("kill -9 $$", "signal 9"),
        ("sleep 1000", "timeout: killed after 1 s"),
        ("head -c 9000000 /dev/urandom; head -c 9000000 /dev/urandom >&2; exit 3", "exit status 3"),
        ("cat /dev/zero > $2/big", "full: "),
        ('tar -xf "$1" -C "$2"; echo x > "$2/../canary/file"', "wrote outside DEST: ../canary/file changed"),
    ],
)
def test_a_subject_that_fails_the_smoke_check_is_an_error(
    dirmeta: Run, tmp_path: Path, text: str, says: str
) -> None:
    subject = program(tmp_path / "subject", text)
    patience = "1" if "timeout" in says else "60"  # to fill a disk takes a while on a busy machine
    ended, _, err = dirmeta(
        "run", "--subject", subject, "--timeout", patience, "--rules", "UNPACK-MARK", "-n", "0"
    )
    assert ended == 3
    assert "fails the smoke check" in err and says in err
    assert err.isprintable() or err.removesuffix("\n").isprintable()


def test_what_a_subject_leaves_running_is_ended(dirmeta: Run, tmp_path: Path) -> None:
    subject = program(
        tmp_path / "subject", 'tar -xf "$1" -C "$2"; setsid sleep 98765 >/dev/null 2>&1 </dev/null &'
    )
    dirmeta("run", "--subject", subject, "--rules", "UNPACK-MARK", "-n", "0", "--examples", "16")
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [command for command in running if b"98765" in command]


def test_a_rule_that_passes_is_exit_0_and_reported_thrice(dirmeta: Run, tmp_path: Path) -> None:
    ended, out, err = dirmeta("run", *NESTED_ONLY, "--json", "r.json", "--junit", "r.xml")
    assert (ended, err) == (0, "")
    assert re.search(r"^pass +MERGE-NESTED ", out, re.MULTILINE)
    assert json.loads((tmp_path / "r.json").read_text())["exit"] == 0
    assert 'name="MERGE-NESTED"' in (tmp_path / "r.xml").read_text()


def test_a_failure_can_be_replayed_by_its_id_and_by_its_listing(dirmeta: Run, tmp_path: Path) -> None:
    expect = ("--expect", "delegate", "--rules", "MERGE-SOURCE")
    ended, out, _ = dirmeta("run", *expect, "-n", "0", "--examples", "16")
    assert ended == 1
    found = re.search(r"^again dirmeta replay ([0-9a-f]+)", out, re.MULTILINE)
    assert found
    ended, out, _ = dirmeta("replay", found[1], *expect)
    assert ended == 1
    listing = out.split("\n\n")[0]
    ended, again, _ = dirmeta("replay", "-", *expect, stdin=listing)
    assert ended == 1
    assert again == out


def test_replay_keeps_everything_of_a_case(dirmeta: Run, tmp_path: Path) -> None:
    listing = "layer 1 tmp/ 1777\nlayer 2 tmp/x"
    ended, out, _ = dirmeta("replay", listing, "--keep", "kept")
    assert ended == 0
    assert "kept in kept" in out
    assert tar.decode((tmp_path / "kept/l2.tar").read_bytes()) == parse(listing).stack[1]
    assert "lowerdir=l2:l1" in (tmp_path / "kept/mount.sh").read_text()
    assert dirmeta("replay", listing, "--keep", "kept")[0] == 2


def test_a_truncated_tar_is_named(dirmeta: Run, tmp_path: Path) -> None:
    whole = tar.encode(parse("layer 1 usr/bin/foo").stack[0])
    (tmp_path / "layer.tar").write_bytes(whole[:512])
    (tmp_path / "dest").mkdir()
    for words in (("replay", "layer.tar"), ("unpack", "layer.tar", "dest")):
        ended, _, err = dirmeta(*words)
        assert ended in (1, 2)
        assert "layer.tar: " in err and "truncated" in err


def test_a_listing_that_is_not_utf_8_is_not_called_a_tar(dirmeta: Run, tmp_path: Path) -> None:
    (tmp_path / "listing").write_bytes("layer 1  caf\xe9/f\n".encode("latin-1"))
    ended, out, err = dirmeta("replay", "listing")
    assert (ended, out) == (2, "")
    assert err == "dirmeta: listing: is neither an image nor a listing in UTF-8 (byte 12)\n"


def test_unpack_wants_an_empty_destination(dirmeta: Run, tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(tar.encode(parse("layer 1 f").stack[0]))
    assert "existing empty directory" in dirmeta("unpack", "layer.tar", "missing")[2]
    assert "is not empty" in dirmeta("unpack", "layer.tar", ".")[2]
    (tmp_path / "dest").mkdir()
    ended, _, err = dirmeta("unpack", "layer.tar", "dest", "--namespace", "user")
    if os.geteuid():
        assert (ended, err) == (1, NOT_ROOT)
    else:
        assert (ended, err) == (0, "")
        assert (tmp_path / "dest/f").is_file()


def test_every_rule_is_listed_and_can_be_shown(dirmeta: Run) -> None:
    _, out, _ = dirmeta("rules", "list")
    assert [line.split()[0] for line in out.splitlines()] == list(catalogue())
    data = json.loads(dirmeta("rules", "list", "--json")[1])
    assert [rule["id"] for rule in data] == list(catalogue())
    assert "no check in this version" in dirmeta("rules", "show", "UNPACK-CHUNKED")[1]


def test_help_names_every_command(dirmeta: Run) -> None:
    _, out, _ = dirmeta("--help")
    assert all(command in out for command in ("run", "rules", "replay", "unpack", "bench", "completion"))
    assert dirmeta("completion", "bash")[1].startswith("_dirmeta_completion")
    assert dirmeta("--version")[1].startswith("dirmeta, version ")


def test_a_kernel_beside_itself_is_exit_0(dirmeta: Run, tmp_path: Path) -> None:
    ended, out, _ = dirmeta("diff-kernels", "host", "host", "--examples", "16", "--json", "r.json")
    assert ended == 0
    assert "no difference that is not explained" in out
    rules = json.loads((tmp_path / "r.json").read_text())["rules"]
    assert [each["rule"] for each in rules] == ["COMPAT-UNMARKED", "COMPAT-MOVE"]
    assert [each["alike"] >= 16 for each in rules] == [True, True]


def test_kernels_are_compared_on_one_case(dirmeta: Run) -> None:
    ended, out, _ = dirmeta("diff-kernels", "host", "host", "--case", "layer 1  a/ 1777\nlayer 2  a/f")
    assert ended == 0
    assert "     1  1 alike, 0 differ" in out


def has_loaded_a_part(running: subprocess.Popen[str]) -> bool:
    return "/msgpack/" in Path(f"/proc/{running.pid}/maps").read_text()


def has_a_worker(running: subprocess.Popen[str]) -> bool:
    return bool(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text())


@pytest.mark.parametrize("moment", [has_loaded_a_part, has_a_worker])
def test_ctrl_c_is_one_line_and_leaves_no_process(
    tmp_path: Path, moment: Callable[[subprocess.Popen[str]], bool]
) -> None:
    environment = {**os.environ, "DIRMETA_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(
        [sys.executable, "-m", "dirmeta", "run", "--rules", "MERGE-NAMES", "-n", "1", "--profile", "full"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    while not moment(running):  # nothing tells of that but the file
        assert running.poll() is None
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 3
    assert (out, err.strip()) == ("", "dirmeta: interrupted; nothing was left behind")
