"""What this host can do, found out by doing it in a scratch directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from typing import Final

from dirmeta.labs import disks, images, mounts
from dirmeta.labs.disks import Disk
from dirmeta.model import acl, overlayfs
from dirmeta.model.limits import NUMBERS, Limits
from dirmeta.model.mountoptions import APPEND, DATA, OPTIONS
from dirmeta.model.overlayfs import Namespace, Option
from dirmeta.observe.steps import Mount
from dirmeta.sandbox import syscalls

_NAMESPACES: Final[tuple[Namespace, ...]] = ("trusted", "user")
_ALL_IDS: Final = 1 << 31
"""A map of this many ids is taken for one of all."""
_LISTED_IDS: Final = 1 << 16
_EXTREMES: Final = (-(1 << 62), 1 << 62)
_ACL: Final = "u::rwx,u:0:r--,g::r--,m::r--,o::---"


def probe(backings: tuple[str, ...]) -> Limits:
    """The limits of the working directory, which is an empty scratch directory of kind ``backings[0]``."""
    os.mkdir("probe")
    known = [disks.DISKS[kind] for kind in backings if kind in disks.DISKS]
    namespaces = tuple(name for name in _NAMESPACES if _works(partial(_hides, name)))
    return Limits(
        namespaces=namespaces,
        ids=mapped_ids(_read("/proc/self/uid_map"), _read("/proc/self/gid_map")),
        devices=_works(lambda: os.mknod("device", stat.S_IFCHR | 0o600, os.makedev(1, 3))),
        numbers=_numbers(known),
        trusted=_works(lambda: os.setxattr("probe", "trusted.dirmeta", b"y")),
        acls=_works(lambda: os.setxattr("probe", overlayfs.ACL_ACCESS, acl.parse(_ACL))),
        backings=backings,
        xwhiteouts=kernel_release() >= (6, 7),
        escapes=any(_works(partial(_unescapes, name)) for name in namespaces),
        nested_acls=kernel_release() >= (6, 2),
        refused=tuple(
            (name, option)
            for name in namespaces
            for option in OPTIONS
            if not _works(partial(_takes, name, option))
        ),
        frozen=images.available(),
        mtime=_mtimes(known),
        processors=len(os.sched_getaffinity(0)),
    )


def kernel_release() -> tuple[int, int]:
    """(6, 18) of a kernel 6.18.44."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(takewhile(str.isdigit, minor)))


def _works(attempt: Callable[[], object]) -> bool:
    try:
        return attempt() is not False
    except OSError:
        return False


def _hides(namespace: Namespace) -> bool:
    """Whether a mount that reads `namespace` honours an opaque directory written in it."""
    at, upper, lower = (f"{namespace}.{part}" for part in ("m", "2", "1"))
    os.makedirs(f"{lower}/d/hidden")
    os.makedirs(f"{upper}/d")
    os.setxattr(f"{upper}/d", overlayfs.PREFIX[namespace] + overlayfs.OPAQUE, overlayfs.YES)
    with _mounted(Mount(at, (upper, lower), options=_reading(namespace))):
        return not os.path.exists(f"{at}/d/hidden")


def _unescapes(namespace: Namespace) -> bool:
    """Whether a mount shows an escaped xattr under the name that it stands for."""
    at, upper, lower = (f"{namespace}.{part}" for part in ("m", "2", "1"))
    name = overlayfs.PREFIX[namespace] + "dirmeta"
    os.setxattr(f"{upper}/d", f"{overlayfs.PREFIX[namespace]}overlay.dirmeta", overlayfs.YES)
    with _mounted(Mount(at, (upper, lower), options=_reading(namespace))):
        return os.getxattr(f"{at}/d", name) == overlayfs.YES


def _takes(namespace: Namespace, option: Option) -> bool:
    """Whether overlayfs mounts with an option; whether it heeds it is another question."""
    options = _reading(namespace)
    if option == DATA:
        step = Mount(
            "o", ("o.2", "o.1", "o.0"), options=(*options, ("metacopy", "on")), data_only=1, append=True
        )
    elif option == APPEND:
        step = Mount("o", ("o.2", "o.1"), options=options, append=True)
    else:
        step = Mount("o", ("o.2", "o.1"), options=(*options, option))
    with _mounted(step):
        return True


def _reading(namespace: Namespace) -> tuple[Option, ...]:
    return (("userxattr", ""),) if namespace == "user" else ()


@contextmanager
def _mounted(step: Mount) -> Iterator[None]:
    mounts.overlay(step)
    try:
        yield
    finally:
        syscalls.umount(step.at)


def mapped_ids(uid_map: str, gid_map: str) -> tuple[int, ...] | None:
    """Ids that are mapped both as uid and as gid, None for (nearly) all of them."""
    ranges = [_ranges(text) for text in (uid_map, gid_map)]
    if all(any(len(ids) >= _ALL_IDS for ids in found) for found in ranges):
        return None
    uids, gids = ({number for ids in found for number in ids[:_LISTED_IDS]} for found in ranges)
    return tuple(sorted(uids & gids))


def _ranges(text: str) -> list[range]:
    """The ids inside of a map as /proc/PID/uid_map has it: first inside, first outside, how many."""
    rows = (line.split() for line in text.splitlines())
    return [range(int(first), int(first) + int(count)) for first, _, count in rows]


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _numbers(known: Iterable[Disk]) -> tuple[int, int]:
    majors, minors = zip(NUMBERS, *(disk.numbers for disk in known), strict=True)
    return min(majors), min(minors)


def _mtimes(known: Iterable[Disk]) -> tuple[int, int, int]:
    """Times that every backing can hold: the default one, which is asked, and disks, which are known."""
    ranges = [tuple(map(_kept, _EXTREMES)), *(disk.mtime for disk in known)]
    least, greatest = zip(*ranges, strict=True)
    return max(least), min(greatest), _granularity()


def _kept(time: int) -> int:
    os.utime("probe", ns=(time, time))
    return os.stat("probe").st_mtime_ns


def _granularity() -> int:
    """The least of 1, 10, 100, … ns that the file system tells apart."""
    time = 123_456_789
    kept = _kept(time)
    step = 1
    while step < 10**9 and kept % (step * 10) == 0:
        step *= 10
    return step if kept != time else 1
