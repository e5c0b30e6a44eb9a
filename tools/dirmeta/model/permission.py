"""Who may do what to a file: mode bits, ACLs and capabilities.

Source: `generic_permission` of fs/namei.c, `posix_acl_permission` of fs/posix_acl.c, `setattr_prepare` of
fs/attr.c, `xattr_permission` of fs/xattr.c; acl(5), inode(7), capabilities(7).
"""

from __future__ import annotations

from typing import Final

from dirmeta.model import acl, overlayfs
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node

READ: Final = 4
WRITE: Final = 2
SEARCH: Final = 1
"""Of a directory; to execute, of a file."""

_SETGID: Final = 0o2000
_STICKY: Final = 0o1000


def has(who: Credentials, capability: str) -> bool:
    """Whether somebody has a capability: root has all that were not given up, others none."""
    return who.uid == 0 and capability not in who.drop


def is_in(who: Credentials, gid: int) -> bool:
    """Whether somebody is a member of a group."""
    return gid == who.gid or gid in who.groups


def owns(who: Credentials, node: Node) -> bool:
    """Whether somebody is the owner, or may act as such."""
    return who.uid == node.uid or has(who, "fowner")


def permits(node: Node, who: Credentials, bits: int) -> bool:
    """Whether mode, ACL and capabilities grant all of `bits`."""
    return _granted(node, who, bits) or _overridden(node, who, bits)


def _granted(node: Node, who: Credentials, bits: int) -> bool:
    if who.uid == node.uid:
        return node.mode >> 6 & bits == bits
    access = node.xattr(overlayfs.ACL_ACCESS)
    if access is not None and node.mode & 0o070:
        return _granted_by_acl(access, node, who, bits)
    shift = 3 if is_in(who, node.gid) else 0
    return node.mode >> shift & bits == bits


def _granted_by_acl(value: bytes, node: Node, who: Credentials, bits: int) -> bool:
    lines = acl.unpack(value)
    mask = next((line.bits for line in lines if line.tag == acl.MASK), 7)
    in_a_group = False
    for line in lines:
        if line.tag == acl.USER and line.ident == who.uid:
            return line.bits & mask & bits == bits
        if line.tag in (acl.GROUP_OBJ, acl.GROUP):
            gid = node.gid if line.tag == acl.GROUP_OBJ else line.ident
            if is_in(who, gid):
                in_a_group = True
                if line.bits & bits == bits:
                    return line.bits & mask & bits == bits
        if line.tag == acl.OTHER:
            return not in_a_group and line.bits & bits == bits
    return False


def _overridden(node: Node, who: Credentials, bits: int) -> bool:
    if node.kind == "directory":
        return has(who, "dac_override") or (not bits & WRITE and has(who, "dac_read_search"))
    if bits == READ and has(who, "dac_read_search"):
        return True
    return has(who, "dac_override") and (not bits & SEARCH or bool(node.mode & 0o111))


def may_remove(directory: Node, child: Node, who: Credentials) -> bool:
    """Whether the sticky bit lets somebody remove or rename a child of a directory."""
    if not directory.mode & _STICKY:
        return True
    return who.uid in (child.uid, directory.uid) or has(who, "fowner")


def may_chown(node: Node, who: Credentials, uid: int | None, gid: int | None) -> bool:
    """Whether somebody may give a file to that owner and group; None leaves one."""
    if has(who, "chown"):
        return True
    owner = who.uid == node.uid
    if uid is not None and not (owner and uid == node.uid):
        return False
    return gid is None or (owner and (is_in(who, gid) or gid == node.gid))


def may_set_user_xattr(node: Node, who: Credentials) -> bool:
    """Whether the sticky bit of a directory lets somebody change its user.* xattrs."""
    return not (node.kind == "directory" and node.mode & _STICKY) or owns(who, node)


def chmodded(node: Node, who: Credentials, mode: int) -> int:
    """The mode that a chmod of somebody's results in: setgid only for members of the group."""
    if mode & _SETGID and not is_in(who, node.gid) and not has(who, "fsetid"):
        return mode & ~_SETGID
    return mode


def created(above: Node, who: Credentials, mode: int) -> int:
    """The mode that a new file has in a setgid directory: nobody makes programs that run as a group that he
    is not in. Source: `mode_strip_sgid` of fs/inode.c."""
    if mode & _SETGID and mode & 0o010 and not is_in(who, above.gid) and not has(who, "fsetid"):
        return mode & ~_SETGID
    return mode


def keeps_setgid(node: Node, who: Credentials) -> bool:
    """Whether the setgid bit stays where an access ACL is set or removed; see `ovl_set_acl`."""
    return is_in(who, node.gid) or has(who, "fsetid")
