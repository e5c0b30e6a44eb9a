"""What `tools` has for kernel CI: the verdicts of a run as kselftest, git bisect and LAVA expect them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from dirmeta import locations
from dirmeta.judge.results import RuleResult
from dirmeta.reports.ktap import Ktap

TOOLS = locations.suites().parent / "tools"
SYSTEM_PYTHON = "/usr/bin/python3"
"""The one that a Debian package brings its modules for."""
PATH = "/usr/bin:/bin"
LAVA = """
import json, sys, yaml
from lava_common.schemas import validate
with open(sys.argv[1], encoding="utf-8") as file:
    job = yaml.safe_load(file)
validate(job, strict=True)
json.dump(job["actions"][-1]["test"]["definitions"][0]["repository"]["run"]["steps"], sys.stdout)
"""


@pytest.fixture
def tools() -> Path:
    if not (TOOLS / "kselftest").is_dir():
        pytest.skip("these tools are not part of an installed package")
    return TOOLS


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(path: Path, *words: str, first: Path | str = "") -> subprocess.CompletedProcess[str]:
    """Run a program with `first` as the first directory of PATH."""
    environment = {**os.environ, "PATH": f"{first}:{PATH}"}
    return subprocess.run([path, *words], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(("ended", "status"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 4)])
def test_kselftest_knows_pass_fail_and_skip(tools: Path, tmp_path: Path, ended: int, status: int) -> None:
    program(tmp_path / "dirmeta", f'echo "$*"; exit {ended}')
    done = run(tools / "kselftest/dirmeta.sh", "--expect", "delegate", first=tmp_path)
    assert (done.returncode, done.stdout) == (status, "run --kernel host --ktap --expect delegate\n")


def test_kselftest_is_skipped_without_the_program(tools: Path) -> None:
    done = run(tools / "kselftest/dirmeta.sh")
    assert done.returncode == 4
    assert done.stdout.startswith("# dirmeta is not installed")


@pytest.mark.parametrize(("ended", "status"), [(0, 0), (1, 1), (2, 128), (3, 125), (4, 125), (127, 128)])
def test_bisect_blames_no_commit_that_was_not_judged(
    tools: Path, tmp_path: Path, ended: int, status: int
) -> None:
    program(tmp_path / "dirmeta", f'echo "$*"; exit {ended}')
    done = run(tools / "bisect.sh", "--kernel", "tree:.", first=tmp_path)
    assert (done.returncode, done.stdout) == (status, "run --kernel tree:.\n")


def test_ctrl_c_ends_a_bisection(tools: Path, tmp_path: Path) -> None:
    """Though dirmeta calls it an error, for which a commit would be skipped."""
    program(tmp_path / "dirmeta", "kill -INT $PPID; exit 3")
    assert run(tools / "bisect.sh", first=tmp_path).returncode == 128


def steps(tools: Path) -> list[str]:
    """The steps of the LAVA job, once LAVA's own schema has accepted it."""
    words = [SYSTEM_PYTHON, "-c", LAVA, str(tools / "ci/lava-job.yaml")]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no {SYSTEM_PYTHON} to have LAVA's schema")
    if "No module named" in done.stderr:
        pytest.skip("LAVA's schema is not installed: apt-get install lava-common")
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("ended", "whole"), [(0, "pass"), (1, "fail"), (3, "fail"), (4, "skip")])
def test_lava_accepts_the_job_and_gets_a_case_for_each_rule(
    tools: Path, tmp_path: Path, ended: int, whole: str
) -> None:
    results = (
        RuleResult("UNPACK-MARK", "pass"),
        RuleResult("UNPACK-OFF", "unverified", "too few"),
        RuleResult("MERGE-ACL", "error", "no lab"),
        RuleResult("MERGE-INO", "fail", "2"),
    )
    with open(tmp_path / "ktap", "w", encoding="utf-8") as file:
        protocol = Ktap([result.rule for result in results], file)
        for result in results:
            protocol.tell(result, {})
    program(tmp_path / "dirmeta", f"cat {tmp_path}/ktap; exit {ended}")
    program(tmp_path / "lava-test-case", f'echo "$*" >> {tmp_path}/cases')
    program(tmp_path / "run.sh", "\n".join(["set -e", *steps(tools)]))
    assert run(tmp_path / "run.sh", first=tmp_path).returncode == 0
    assert (tmp_path / "cases").read_text().splitlines() == [
        "UNPACK-MARK --result pass",
        "UNPACK-OFF --result skip",
        "MERGE-ACL --result fail",
        "MERGE-INO --result fail",
        f"run --result {whole}",
    ]
