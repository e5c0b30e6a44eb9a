"""`containers-storage+dirmeta`, one layer at a time, where it is built."""

from __future__ import annotations

import pytest

from dirmeta.labs import LabError, Wanted, lab
from dirmeta.model.entries import Entry
from dirmeta.model.oracle import diff_directory
from dirmeta.model.stack import Layer
from dirmeta.observe.steps import Job, Unpack, Unpacked, Walk
from dirmeta.streams.tar import encode
from dirmeta.subjects import Subject, SubjectError, UnknownSubject, subject
from dirmeta.subjects.containersstorage import DRIVERS

from ..worlds import skip_without

NAME = "containers-storage+dirmeta"
LAYER = Layer((
    Entry("./", "directory", 0o711, mtime=-3),
    Entry("usr/bin/foo", "file", 0o4755, mtime=5, content=b"foo"),
    Entry("usr/", "directory", 0o2755, mtime=7, xattrs=(("user.empty", b""),)),
    Entry("usr/lib/x", "hardlink", 0o4755, mtime=5, target="usr/bin/foo"),
))  # fmt: skip


def built_subject(driver: str) -> Subject:
    try:
        return subject(f"{NAME},driver={driver}")
    except SubjectError as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("delegate", [True, False])
@pytest.mark.parametrize("driver", DRIVERS)
def test_each_driver_unpacks_what_the_oracle_says(driver: str, delegate: bool) -> None:
    tested = built_subject(driver)
    try:
        host = lab("host", Wanted(tested))
    except LabError as why:
        skip_without(why)
    try:
        namespace = host.limits.namespaces[0]
        [[ended, seen]] = host.run([Job((Unpack("l1", encode(LAYER), namespace, delegate), Walk("l1")))])
    finally:
        host.close()
    assert ended == Unpacked(0)
    assert seen == diff_directory(LAYER, namespace=namespace, delegate=delegate)


def test_another_driver_is_a_usage_error() -> None:
    with pytest.raises(UnknownSubject, match="no driver=btrfs; there are overlay, vfs"):
        subject(f"{NAME},driver=btrfs")
