"""What a place that cases run in can not do, and what it is held to, so that generators draw nothing else."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

from dirmeta.model.overlayfs import Namespace, Option
from dirmeta.model.semantics import DEFAULT, Policies

NUMBERS: Final = (4095, (1 << 20) - 1)
"""The greatest major and minor number that Linux has for devices."""

T = TypeVar("T")


class Limits(NamedTuple):
    """What a lab can not do, so that nothing else is drawn.

    namespaces  those whose xattrs can be written and mounted
    ids         uids and gids that files can have; None means any
    devices     whether device nodes other than whiteouts can be made
    numbers     the greatest major and minor number of a device
    trusted     whether ``trusted.*`` xattrs can be written
    acls        whether ``system.posix_acl_*`` can be written
    backings    kinds of scratch directory, the default first
    frozen      kinds of read-only images that lower layers can be packed into
    xwhiteouts  whether the kernel knows whiteouts that are files (6.7)
    escapes     whether mounts show an escaped xattr under the name it stands for (6.7)
    nested_acls whether what a nested overlay shows can be given an ACL (6.2)
    caches      whether dentries and inodes may be dropped from the caches: the kernel is the lab's own
    refused     mount options that the kernel does not take, as (namespace that the mount reads, option)
    mtime       the least and greatest mtime in ns, and the granularity in ns
    processors  processes that can run at the same moment
    delegate    whether mounts are held to heed marks
    switches    whether the feature can be switched on and off
    policies    that mounts are held to
    """

    namespaces: tuple[Namespace, ...] = ("trusted", "user")
    ids: tuple[int, ...] | None = None
    devices: bool = True
    numbers: tuple[int, int] = NUMBERS
    trusted: bool = True
    acls: bool = True
    backings: tuple[str, ...] = ("tmpfs",)
    frozen: tuple[str, ...] = ()
    xwhiteouts: bool = True
    escapes: bool = True
    nested_acls: bool = True
    caches: bool = False
    refused: tuple[tuple[Namespace, Option], ...] = ()
    mtime: tuple[int, int, int] = (-(1 << 62), 1 << 62, 1)
    processors: int = 1
    delegate: bool = True
    switches: bool = True
    policies: Policies = DEFAULT


def common(one: Limits, other: Limits) -> Limits:
    """What two places can both do; the order is that of `one`. There may be nothing."""
    return Limits(
        namespaces=_both(one.namespaces, other.namespaces),
        ids=other.ids if one.ids is None else one.ids if other.ids is None else _both(one.ids, other.ids),
        devices=one.devices and other.devices,
        numbers=(min(one.numbers[0], other.numbers[0]), min(one.numbers[1], other.numbers[1])),
        trusted=one.trusted and other.trusted,
        acls=one.acls and other.acls,
        backings=_both(one.backings, other.backings),
        frozen=_both(one.frozen, other.frozen),
        xwhiteouts=one.xwhiteouts and other.xwhiteouts,
        escapes=one.escapes and other.escapes,
        nested_acls=one.nested_acls and other.nested_acls,
        caches=one.caches and other.caches,
        refused=tuple(dict.fromkeys((*one.refused, *other.refused))),
        mtime=(
            max(one.mtime[0], other.mtime[0]),
            min(one.mtime[1], other.mtime[1]),
            max(one.mtime[2], other.mtime[2]),
        ),
        processors=min(one.processors, other.processors),
        delegate=one.delegate and other.delegate,
        switches=one.switches and other.switches,
        policies=one.policies,
    )


def _both(one: tuple[T, ...], other: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(each for each in one if each in other)
