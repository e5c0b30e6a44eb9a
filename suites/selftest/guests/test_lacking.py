"""Kernels that lack what a lab needs are told the option."""

from __future__ import annotations

import pytest

from dirmeta.sandbox.worker import Worker, WorkerError

WITHOUT_OVERLAYFS = """
import errno
from dirmeta.labs import agent, mounts

def refuse(step):
    raise OSError(errno.ENODEV, "No such device")

mounts.overlay = refuse
agent.start(None, "tmpfs", "")
"""
WITHOUT_XATTRS = """
from dirmeta.labs import agent
from dirmeta.model.limits import Limits

agent.probe = lambda backings: Limits(namespaces=())
agent.start(None, "tmpfs", "")
"""


@pytest.mark.parametrize(
    ("kernel", "option"),
    [(WITHOUT_OVERLAYFS, "CONFIG_OVERLAY_FS"), (WITHOUT_XATTRS, "CONFIG_TMPFS_XATTR")],
)
def test_the_option_is_named(kernel: str, option: str) -> None:
    with Worker() as world, pytest.raises(WorkerError, match=option) as raised:
        world.call(exec, kernel, {})
    assert "\n" not in str(raised.value) and "Error" not in str(raised.value)
