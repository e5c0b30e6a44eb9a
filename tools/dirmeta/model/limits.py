"""What a place that cases run in can not do, so that generators draw nothing else."""

from __future__ import annotations

from typing import NamedTuple

from dirmeta.model.overlayfs import Namespace


class Limits(NamedTuple):
    """What a lab can not do, so that nothing else is drawn.

    namespaces  those whose xattrs can be written and mounted
    ids         uids and gids that files can have; None means any
    devices     whether device nodes other than whiteouts can be made
    trusted     whether ``trusted.*`` xattrs can be written
    acls        whether ``system.posix_acl_*`` can be written
    backings    kinds of scratch directory, the default first
    xwhiteouts  whether the kernel knows whiteouts that are files (6.7)
    mtime       the least and greatest mtime in ns, and the granularity in ns
    """

    namespaces: tuple[Namespace, ...] = ("trusted", "user")
    ids: tuple[int, ...] | None = None
    devices: bool = True
    trusted: bool = True
    acls: bool = True
    backings: tuple[str, ...] = ("tmpfs",)
    xwhiteouts: bool = True
    mtime: tuple[int, int, int] = (-(1 << 62), 1 << 62, 1)
