"""The reference patch, where a directory is given its metadata while something in it is being copied up."""

from __future__ import annotations

import pytest

from dirmeta import kernels
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.guest.uml import Uml
from dirmeta.model import overlayfs
from dirmeta.model.tree import Node
from dirmeta.observe.steps import Job, Layout, Mount, Operate, Race, Raced, Walk

SECOND = 10**9
LARGE = bytes(range(256)) * (24 << 12)
"""So much that others get to run while it is copied."""
SOURCE = Node("directory", 0o711, mtime=1000 * SECOND)
MARKED = Node("directory", 0o755, mtime=77 * SECOND, xattrs=((overlayfs.mark_name("trusted"), b"y"),))
ROOT = Node("directory")


@pytest.mark.parametrize("name", ["6.12+dirmeta", "7.3+dirmeta"])
def test_copy_up_restores_no_time_of_a_placeholder(name: str) -> None:
    try:
        program = str(kernels.find(name).image)
    except kernels.KernelError as why:
        pytest.skip(str(why))
    look = Operate("access", "m/d", (0,))
    job = Job(
        (
            Layout("low", {"": ROOT, "d": SOURCE, "d/large": Node("file", 0o644, content=LARGE)}),
            Layout("up", {"": ROOT, "d": MARKED}),
            Mount("m", ("low",), "up", (("dirmeta_delegate", "on"),)),
            Race(
                (
                    (Operate("chmod", "m/d/large", (0o600,)),),
                    (*[look] * 50, Operate("chmod", "m/d", (0o700,))),
                ),
                (),
            ),
            Walk("m"),
        )
    )
    with GuestLab(lambda: Uml(program, name)) as lab:
        [[*_, raced, seen]] = lab.run([job])
    assert isinstance(raced, Raced)
    assert [outcome.errno for actor in raced.outcomes for outcome in actor] == [0] * 52
    assert isinstance(seen, dict)
    directory = seen["d"]
    assert isinstance(directory, Node)
    assert (directory.mode, directory.mtime) == (0o700, SOURCE.mtime)
