"""What this host can do, found out by doing it in a scratch directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from functools import partial
from itertools import takewhile
from typing import Final

from dirmeta.labs import ext4, mounts
from dirmeta.model import acl, overlayfs
from dirmeta.model.limits import Limits
from dirmeta.model.overlayfs import Namespace
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
    return Limits(
        namespaces=tuple(name for name in _NAMESPACES if _works(partial(_hides, name))),
        ids=mapped_ids(_read("/proc/self/uid_map"), _read("/proc/self/gid_map")),
        devices=_works(lambda: os.mknod("device", stat.S_IFCHR | 0o600, os.makedev(1, 3))),
        trusted=_works(lambda: os.setxattr("probe", "trusted.dirmeta", b"y")),
        acls=_works(lambda: os.setxattr("probe", overlayfs.ACL_ACCESS, acl.parse(_ACL))),
        backings=backings,
        xwhiteouts=kernel_release() >= (6, 7),
        mtime=_mtimes(backings),
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
    options = (("userxattr", ""),) if namespace == "user" else ()
    mounts.overlay(Mount(at, (upper, lower), options=options))
    try:
        return not os.path.exists(f"{at}/d/hidden")
    finally:
        syscalls.umount(at)


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


def _mtimes(backings: Iterable[str]) -> tuple[int, int, int]:
    """Times that every backing can hold. The default one is asked; ext4's range is known."""
    least, greatest = (_kept(time) for time in _EXTREMES)
    if "ext4" in backings:
        least, greatest = max(least, ext4.MTIME[0]), min(greatest, ext4.MTIME[1])
    return least, greatest, _granularity()


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
