"""Owner and xattrs of one object, and what stands in for those that can not be had.

Substitutes, all of them:

- In a user namespace an id that does not map is replaced by the caller's, and ``trusted.*`` and
  ``security.*`` xattrs that the kernel refuses are dropped.
- ``user.*`` xattrs of symlinks, fifos and devices are dropped: no Linux file system stores them.
- Overlay-private xattrs of an entry are dropped, in both namespaces (UNPACK-FORGED).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from dirmeta.model import overlayfs
from dirmeta.sandbox.diagnosis import in_user_namespace

_NO_ID: Final = 0xFFFFFFFF
_LSM: Final = ("security.selinux", "security.ima", "security.evm", "security.SMACK64", "security.apparmor")


def own(chown: Callable[[int, int], None], uid: int, gid: int) -> None:
    """Give an object its owner by `chown`, or by the nearest owner that this namespace maps.

    Raises OSError; ValueError for an id that no file can have.
    """
    if uid >= _NO_ID or gid >= _NO_ID:
        raise ValueError(f"owner {uid}:{gid} is more than 32 bits")
    try:
        chown(uid, gid)
    except OSError as why:
        if why.errno not in (errno.EPERM, errno.EINVAL) or not in_user_namespace():
            raise
        for pair in _substitutes(uid, gid):
            with suppress(OSError):
                chown(*pair)
                return
        raise


def _substitutes(uid: int, gid: int) -> Iterator[tuple[int, int]]:
    yield uid, os.getegid()
    yield os.geteuid(), gid
    yield os.geteuid(), os.getegid()


def storable(xattr: str, kind: str) -> bool:
    """Whether an object of that kind can have an xattr of that name on Linux."""
    return kind in ("directory", "file") or not xattr.startswith("user.")


def expendable(xattr: str, why: OSError) -> bool:
    """Whether an xattr that could not be set may be left out."""
    return why.errno == errno.EPERM and xattr.startswith(("trusted.", "security.")) and in_user_namespace()


def has_default_acl(fd: int) -> bool:
    try:
        return overlayfs.ACL_DEFAULT in os.listxattr(fd)
    except OSError as why:
        if why.errno != errno.EOPNOTSUPP:
            raise
        return False


def strip(fd: int) -> None:
    """Take away all xattrs but overlay's and those that a running LSM answers for."""
    for name in os.listxattr(fd):
        if not overlayfs.is_overlay_private(name) and not name.startswith(_LSM):
            os.removexattr(fd, name)


def strip_acls(target: int | str) -> None:
    """Take away the ACLs that the kernel copied from a parent's default ACL."""
    for name in overlayfs.ACLS:
        try:
            os.removexattr(target, name)
        except OSError as why:
            if why.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
                raise
