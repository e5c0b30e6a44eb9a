"""Regressions of tools that apply layers one over another: GNU tar is such a tool, and shows their damage."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from dirmeta.judge.regression_files import every
from dirmeta.judge.regressions import Regression
from dirmeta.model.tree import Node
from dirmeta.streams import tar

APPLIED = {name: each for name, each in every().items() if each.semantics == "sequential"}
COARSE = 10**9
"""ns by which the time that a file system takes for now may be earlier than the clock's."""


def apply(regression: Regression, root: Path, umask: int) -> None:
    """Unpack all layers in one directory; none of them has whiteouts."""
    for layer in regression.case.stack:
        subprocess.run(
            ["tar", "-x", "-p", "--same-owner", "--numeric-owner", "-C", root],
            input=tar.encode(layer, "pax"), check=True, umask=umask,
        )  # fmt: skip


def looked_at(path: Path, began: int) -> Node | None:
    """What regressions of such tools tell facts about; times of the clock as the oracle has them."""
    if not path.is_dir():
        return None
    status = path.lstat()
    mtime = None if status.st_mtime_ns > began - COARSE else status.st_mtime_ns
    return Node("directory", status.st_mode & 0o7777, status.st_uid, status.st_gid, mtime)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories to others")
@pytest.mark.parametrize("name", APPLIED)
def test_the_damage_is_what_tar_shows(name: str, tmp_path: Path) -> None:
    regression = APPLIED[name]
    assert not any(entry.kind in ("whiteout", "opaque") for layer in regression.case.stack for entry in layer)
    placeholder, began = int(regression.policies.placeholder_mode, 8), time.time_ns()
    apply(regression, tmp_path, 0o777 & ~placeholder)
    for sight in regression.shows:
        node = looked_at(tmp_path / sight.path, began)
        assert sight.damaged.unlike(node) == "", sight.path
