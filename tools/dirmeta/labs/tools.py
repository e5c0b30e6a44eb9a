"""The programs that make file systems."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

_ADMINISTRATORS: Final = ":/usr/local/sbin:/usr/sbin:/sbin"
"""Where most of them lie, which is in nobody's PATH but root's."""


def find(program: str) -> str | None:
    """The path of a program, None where it is not installed."""
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + _ADMINISTRATORS)


def run(program: str, arguments: Sequence[str]) -> None:
    """Have a program do its work. OSError with the last line that it wrote to stderr where it fails."""
    path = find(program)
    if path is None:
        raise FileNotFoundError(errno.ENOENT, f"{program} is missing")
    done = subprocess.run(
        [path, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise OSError(errno.EIO, f"{program} failed: {last}")
