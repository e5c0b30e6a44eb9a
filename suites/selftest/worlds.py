"""Where private worlds can not be had, tests that need one are skipped; elsewhere its loss is a failure."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import NoReturn

import pytest


@cache
def to_be_had() -> bool:
    """Whether unshare(1) gets the namespaces that labs and engines live in."""
    alone = ["--mount", "--pid", "--fork"]
    user = ["--map-root-user"] if os.geteuid() else []
    done = subprocess.run(["unshare", *user, *alone, "true"], capture_output=True, check=False)
    return not done.returncode


def skip_without(why: Exception | str) -> NoReturn:
    """Called with what went wrong instead of a lab or an engine."""
    if to_be_had():
        pytest.fail(f"private worlds are to be had here, and yet: {why}")
    pytest.skip(str(why))
