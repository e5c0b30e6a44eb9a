"""From what was asked for to a bench: what is told before there is one, and how it is asked for again."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from dirmeta import locations
from dirmeta.judge.opening import Wanted, again


@pytest.mark.parametrize("subject", ["cmd:./my unpack", "cmd:./it's", "cmd:./{id}", "tar"])
def test_a_case_is_asked_for_again_by_what_a_shell_reads_back(subject: str) -> None:
    wanted = Wanted(subject=subject, policies=("fallback=lowest",), timeout=2.5, strict=True)
    words = ["--subject", subject, "--policy", "fallback=lowest", "--timeout", "2.5", "--strict"]
    assert shlex.split(again(wanted).format(id="3f2a91")) == ["dirmeta", "replay", "3f2a91", *words]


def test_pytest_too_tells_of_a_kernel_that_there_is_not_before_it_judges_anything() -> None:
    words = ["suites/merge", "--kernel", "uml:9.9", "-n", "0", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=locations.suites().parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith("ERROR: dirmeta: uml:9.9: not built")
