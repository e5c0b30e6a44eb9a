"""Who acts in a program: the mounter, and people with a relation to what is mounted."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.generate.whereabouts import directory
from dirmeta.model import acl, overlayfs, permission
from dirmeta.model.leave import STICKY
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import with_xattrs
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node

_EACH: Final = 4
_RELATED: Final = 3
PEOPLE: Final = _RELATED * _EACH
"""Bytes that `actors` reads."""
_SHARES: Final = 8
_BITS: Final = (permission.READ, permission.WRITE, permission.SEARCH)
_STRANGER: Final = 4711
_UNABLE: Final = ("dac_override", "dac_read_search", "fowner", "chown", "fsetid")


def actors(choices: Choices, state: State, limits: Limits, mounter: int) -> tuple[Credentials, ...]:
    """The mounter, `mounter` times in eight; somebody with a relation to what shows, and root without
    capabilities. No id is out of the limits."""
    related = [_related(choices.part(_EACH), state, limits) for _ in range(_RELATED)]
    others = [Credentials(drop=_UNABLE), *related]
    share = _SHARES - mounter
    return (*[Credentials()] * mounter, *[others[n % len(others)] for n in range(share)])


def _related(choices: Choices, state: State, limits: Limits) -> Credentials:
    """The owner of something, a member of its group, somebody that its ACL names, or a stranger."""
    path = directory(choices, state)
    node = state.mounted.view.tree[path]
    top = state.mounted.placeholder(path) or node
    stranger = _STRANGER if limits.ids is None else (limits.ids[-1] if limits.ids else 0)
    relations = (
        Credentials(node.uid, stranger),
        Credentials(stranger, node.gid),
        Credentials(stranger, stranger, (node.gid,)),
        _named(node, stranger),
        Credentials(stranger, stranger),
        Credentials(node.uid, node.gid),
        Credentials(node.uid, stranger, (node.gid,)),
        Credentials(top.uid, top.gid),
        _named(node, stranger),
    )
    who = choices.pick(relations)
    return replace(who, drop=_UNABLE) if who.uid == 0 else who


def is_telling(who: Credentials, node: Node, top: Node) -> bool:
    """Whether somebody may do other things to a directory than to one with the metadata of `top`, or than to
    one without its ACL."""
    if permission.owns(who, node) != permission.owns(who, top):
        return True
    if (node.mode ^ top.mode) & STICKY and not permission.owns(who, node):
        return True
    may = [permission.permits(node, who, bit) for bit in _BITS]
    bare = with_xattrs(node, {overlayfs.ACL_ACCESS: None})
    return any(may != [permission.permits(other, who, bit) for bit in _BITS] for other in (top, bare))


def _named(node: Node, stranger: int) -> Credentials:
    """Somebody that an ACL names; the owner where none does."""
    for name, value in node.xattrs:
        if name.startswith("system.posix_acl_"):
            for line in acl.unpack(value):
                if line.tag == acl.USER:
                    return Credentials(line.ident, stranger)
                if line.tag == acl.GROUP:
                    return Credentials(stranger, line.ident)
    return Credentials(node.uid, stranger)
