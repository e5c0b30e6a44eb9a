"""A root that is less than root is refused in one line: it would fail rules that nobody broke."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from dirmeta.labs import powers
from dirmeta.sandbox.credentials import CAPABILITIES, capability
from dirmeta.sandbox.diagnosis import in_user_namespace

EVERYTHING = (1 << len(CAPABILITIES)) - 1
LAB = "from dirmeta.labs.host import HostLab; HostLab().close()"


def test_nothing_is_lacking_where_root_is_root() -> None:
    assert powers.lacking(EVERYTHING) == []


def test_all_that_is_lacking_is_named() -> None:
    without = EVERYTHING & ~(1 << capability("chown") | 1 << capability("fsetid"))
    assert powers.lacking(without) == ["CHOWN", "FSETID"]


@pytest.mark.parametrize("name", ["chown", "dac_override", "fowner", "fsetid", "setgid", "setuid"])
def test_the_lab_is_refused_without(name: str) -> None:
    if os.geteuid() != 0 or in_user_namespace() or shutil.which("setpriv") is None:
        pytest.skip("needs root, whose capabilities can be taken away, and setpriv")
    ended = subprocess.run(
        ["setpriv", f"--bounding-set=-{name}", sys.executable, "-c", LAB],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    last = ended.stderr.strip().rpartition("\n")[2]
    assert f"this root has no CAP_{name.upper()}" in last
    assert f"--cap-add {name.upper()}" in last
