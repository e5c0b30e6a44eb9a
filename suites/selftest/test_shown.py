"""What the kernel says of a mount, read from this machine's own."""

from __future__ import annotations

import pytest

from dirmeta.observe.shown import shown_options


def test_a_mount_has_its_options() -> None:
    assert {"rw", "ro"} & set(shown_options("/proc"))


def test_a_directory_that_nothing_is_mounted_on_has_none() -> None:
    with pytest.raises(OSError, match="/proc/self"):
        shown_options("/proc/self")
