"""A case as a shell script does what the lab does, step by step."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dirmeta.cli import main
from dirmeta.generate import programs
from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import Conditions, laid_out
from dirmeta.judge.opening import Wanted, open_bench, open_subject
from dirmeta.judge.programs import operated
from dirmeta.judge.replaying import fitted
from dirmeta.judge.results import RuleResult, Witness
from dirmeta.labs.base import LabError
from dirmeta.model import codec, listing, overlayfs, spelling
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Operate, Outcome, Walk
from dirmeta.observe.walk import walk
from dirmeta.reports.script import WALK, script
from dirmeta.reports.shell import ScriptError
from dirmeta.reports.terminal import failure_text
from dirmeta.sandbox import serve
from dirmeta.sandbox.worker import Worker, WorkerError

from .test_generate import drawn
from .worlds import skip_without

DAY = 24 * 3600 * 1_000_000_000
STOPS = "\nwalk() {\n\tkill -s STOP $$\n}\n"
MEANINGFUL = (overlayfs.MARK, overlayfs.OPAQUE, overlayfs.REDIRECT)

PROGRAM = """
layer 1  a/f 0640 7:8  2001-02-03 04:05:06.789  content "100% of \\\\n'\\x01"
         a/-n 0644  -> "a b"
         "b c/" 2755 3:4 default-acl u::rwx,g::r-x,o::---
layer 2  a/ 1777 7:8   acl u::rwx,u:5:r-x,g::rwx,m::rwx,o::rwx  xattr user.a="it's \\x00"
         "a/$(x)" 0644 9:9
         "b c/q'" fifo
         "e\\xff/.wh.x"
then     mkdir a/d mode=0700 as 7:8
then     mkdir "b c/d" mode=01777 as 3:4
then     create "b c/g" mode=0777
then     create a/g mode=0600 as 9:9
then     create a/g mode=0600
then     write a/f content="50%\\n'" as 5:5
then     write a/f content="50%\\n'" as 7:8
then     write "b c/q'" content="nobody reads"
then     read a as 5:6,8
then     access a bits=3 as 5:5
then     access a bits=5 as 5:5
then     symlink "a/$y" target="-t"
then     link a/f to="a/h" as 7:7
then     unlink "a/$(x)" as 9:9 without dac_override
then     unlink "a/$(x)" without fowner without dac_override
then     rmdir a/d as 7:8
then     rename a to="z" flags="noreplace"
then     rename a to="b c" flags="exchange"
then     rename a/f to="a/h"
then     rename "b c/d" to="a/d"
then     chmod a mode=02711 without fsetid
then     chown a gid=9 as 7:9
then     chown a uid=11 gid=12
then     utimens a mtime=-1500000000
then     utimens a/f as 7:8
then     setxattr a name="user.x" value="0x"
then     setxattr a name="trusted.overlay.dirmeta_delegate" value="y"
then     removexattr a name="user.x"
then     setacl a acl="u::rwx,u:6:r-x,g::r-x,m::r-x,o::---"
then     setacl a acl="u::rwx,g::---,o::---" type="default"
then     hold a slot=1
then     fchmod slot=1 mode=0755
then     fchmod slot=2 mode=0755
then     remount access="ro"
then     chmod a mode=0700
then     remount access="rw"
then     swap
"""
LAYERS = """
setup    layout=model upper=on
layer 1  d/ 2755 1:2  @-1.5  default-acl u::rwx,g::r-x,o::---
         d/f 4755 3:4  content "-\\n"
         d/g 4755 3:4  == d/f
         d/null char 1:3
         d/disk 0660 0:6 block 8:0
layer 2  d/.wh..wh..opq
         "d/\\n\\"$PATH\\" `id`"
         .wh.e
"""
NARROW = """
setup    namespace=user
layer 1  a/ 1770  xattr user.a="0s"
layer 2  a/x
then     mkdir a/d mode=0700 without dac_override
then     rename a to="b"
then     chmod a mode=0711 without fowner
then     remount
"""


@pytest.fixture(scope="module")
def inside() -> Iterator[Worker]:
    try:
        worker = Worker()
    except WorkerError as error:
        skip_without(error)
    with worker:
        yield worker


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    wanted = Wanted()
    try:
        found = open_bench(wanted, open_subject(wanted))
    except LabError as error:
        skip_without(error)
    yield found
    found.lab.close()


def by_hand(text: bytes, walks: list[str]) -> tuple[list[Tree], str]:
    """Run a script whose walks stop it: what was there each time, and what it printed."""
    place = tempfile.mkdtemp(dir=serve.scratch())
    with open(f"{place}/script", "wb") as file:
        file.write(text)
    os.mkdir(f"{place}/here")
    os.chmod(place, 0o755)
    with open(f"{place}/said", "wb") as said:
        process = subprocess.Popen(["sh", "../script"], cwd=f"{place}/here", stdout=said)
    trees = []
    for at in walks:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        trees.append(walk(f"{place}/here/{at}"))
        os.kill(process.pid, signal.SIGCONT)
    process.wait()
    assert place not in Path("/proc/self/mounts").read_text("utf-8")
    with open(f"{place}/said", encoding="utf-8", errors="surrogateescape") as file:
        return trees, file.read()


def plain(tree: Tree) -> Tree:
    """Without overlayfs's own notes, and without what the clock says."""
    now = time.time_ns()
    return {path: _plain(node, now) for path, node in tree.items()}


def _plain(node: Node, now: int) -> Node:
    kept = tuple(
        (name, value)
        for name, value in node.xattrs
        if not overlayfs.is_overlay_private(name) or name.partition("overlay.")[2] in MEANINGFUL
    )
    mtime = None if node.mtime is not None and abs(now - node.mtime) < DAY else node.mtime
    return node._replace(xattrs=kept, mtime=mtime)


def assert_alike(case: Case, bench: Bench, inside: Worker) -> str:
    """The script and the lab see the same after every step; what the script printed."""
    here = replace(case.setup, backing=bench.lab.limits.backings[0])
    case = fitted(replace(case, setup=here), bench.lab.limits)
    job = next((operated if case.program else laid_out)(case, bench.conditions))
    [results] = bench.lab.run([job])
    text = script(case, bench.conditions)
    assert WALK in text
    for tool, package in (("setfattr", "attr"), ("setfacl", "acl")):
        if f"{tool} " in text and not shutil.which(tool):
            pytest.skip(f"this script needs {tool}: apt-get install {package}")
    walks = [
        (step.at, result) for step, result in zip(job.steps, results, strict=True) if isinstance(step, Walk)
    ]
    trees, said = inside.call(by_hand, spelling.to_bytes(text.replace(WALK, STOPS)), [at for at, _ in walks])
    calls = [step.call for step in job.steps if isinstance(step, Operate)]
    answers = [
        "refused" if result.errno else "done"
        for step, result in zip(job.steps, results, strict=True)
        if isinstance(step, Operate)
        and isinstance(result, Outcome)
        and step.call not in ("fstat", "drop-caches")
    ]
    assert re.findall(r"^   (done|refused)$", said, re.MULTILINE) == answers, (calls, said)
    assert len(trees) == len(walks), said
    for number, ((at, seen), tree) in enumerate(zip(walks, trees, strict=True)):
        assert isinstance(seen, dict)
        assert plain(tree) == plain(seen), (number, at, said)  # type: ignore[arg-type]
    return said


def test_every_operation_by_hand_is_what_the_lab_does(bench: Bench, inside: Worker) -> None:
    if not bench.lab.limits.trusted:
        pytest.skip("taking on other credentials takes root")
    said = assert_alike(listing.parse(PROGRAM), bench, inside)
    assert "1  mkdir a/d mode=0700 as 7:8\n   done\n" in said
    assert "EXDEV is right" in said


def test_layers_by_hand_are_what_the_lab_lays_out(bench: Bench, inside: Worker) -> None:
    if not bench.lab.limits.trusted:
        pytest.skip("devices and owners take root")
    assert_alike(listing.parse(LAYERS), bench, inside)


def test_an_ordinary_user_s_program_by_hand_is_what_the_lab_does(bench: Bench, inside: Worker) -> None:
    said = assert_alike(listing.parse(NARROW), bench, inside)
    assert '2  rename a to="b"    (EXDEV is right)\nrename: Invalid cross-device link\n   refused\n' in said


@pytest.mark.parametrize("number", range(6))
def test_drawn_programs_by_hand_are_what_the_lab_does(bench: Bench, inside: Worker, number: int) -> None:
    kinds = programs.cases(bench.limits, mounter=3, reused=number % 2 == 1, cramped=number == 2)
    for case in drawn(kinds, 3, number + 1)[1:2]:
        assert_alike(case, bench, inside)


def test_replay_writes_the_script_to_a_file_to_stdout_and_beside_what_it_keeps(tmp_path: Path) -> None:
    case = "layer 1  a/f\nthen     mkdir a/d mode=0755"

    def replay(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dirmeta", "replay", case, *words],
            cwd=tmp_path, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    told = replay("--script", "by-hand.sh", "--keep", "kept")
    text = (tmp_path / "by-hand.sh").read_text()
    assert text.startswith("#!/bin/sh\n") and "mkdir -m 0755 m/a/d\ntold\n" in text
    assert (tmp_path / "kept/script.sh").read_text() == text
    assert "l*.tar and script.sh" in told.stdout
    printed = replay("--script", "-")
    assert printed.stdout == text
    assert "applicable rules pass" in printed.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("layer 1 a\n  a/b", "--script", "s"), "--script: a/b lies below a, which is no directory; "),
        (("setup layout=model\n(empty)", "--script", "s"), "--script: there is no layer in it; "),
        (("layer 1 a", "--script", "/nonexistent/s"), "--script /nonexistent/s: No such file or directory"),
        (("layer 1 a\nthen fly a",), "operation 1: there is no operation 'fly'; there are create, "),
    ],
)
def test_what_can_not_be_written_or_done_is_one_line(
    words: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["dirmeta", "replay", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    last = capfd.readouterr().err
    assert last.startswith(f"dirmeta: {says}") and last.count("\n") == 1


def test_sh_has_seven_descriptors_to_hold() -> None:
    holding = "\n".join(f"then hold a slot={number}" for number in range(8))
    case = listing.parse(f"setup layout=model upper=on\nlayer 1 a/f\n{holding}")
    with pytest.raises(ScriptError, match="sh holds 7 descriptors at once"):
        script(case, Conditions())


def test_a_failure_of_a_program_says_how_to_have_its_script() -> None:
    case = codec.to_json(listing.parse("layer 1 a/f\nthen mkdir a/d mode=0755"))
    witness = Witness(
        "3f2a91", "COPYUP-MTIME", case, "", "a", "x", "y", "mount", again="dirmeta replay 3f2a91"
    )
    result = RuleResult("COPYUP-MTIME", "fail", witnesses=(witness,))
    assert "again dirmeta replay 3f2a91    (--script FILE writes it as a shell script; " in failure_text(
        result
    )
    without = replace(result, witnesses=(replace(witness, case={"stack": []}),))
    assert "--script" not in failure_text(without)
