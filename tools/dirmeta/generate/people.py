"""Who acts in a program: the mounter, and people with a relation to what is mounted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.generate.whereabouts import directory, with_acl
from dirmeta.model import acl, overlayfs, permission
from dirmeta.model.leave import STICKY
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import with_xattrs
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node

Place = Callable[[Choices, State], str]
_EACH: Final = 4
_RELATED: Final = 3
PEOPLE: Final = 1 + _RELATED * _EACH
"""Bytes that `actors` reads."""
_SHARES: Final = 8
_BITS: Final = (permission.READ, permission.WRITE, permission.SEARCH)
_STRANGER: Final = 4711
_UNABLE: Final = ("dac_override", "dac_read_search", "fowner", "chown", "fsetid")
_DROPPED: Final = (
    _UNABLE, ("dac_override",), ("fowner",), ("chown", "fsetid"), _UNABLE,
    ("dac_override", "dac_read_search"), ("fowner", "chown"), ("fsetid",),
    ("dac_override", "fowner", "sys_admin"), _UNABLE,
)  # fmt: skip
"""What root does without."""


def actors(choices: Choices, state: State, limits: Limits, mounter: int) -> tuple[Credentials, ...]:
    """The mounter, `mounter` times in eight; somebody with a relation to what shows, and root without some
    capabilities. No id is out of the limits."""
    places = (with_acl, directory, with_acl)
    related = [_related(choices.part(_EACH), state, limits, place) for place in places]
    others = [Credentials(drop=choices.pick(_DROPPED)), *related]
    share = _SHARES - mounter
    return (*[Credentials()] * mounter, *[others[n % len(others)] for n in range(share)])


def _related(choices: Choices, state: State, limits: Limits, place: Place) -> Credentials:
    """The owner of a directory, a member of its group, somebody that its ACL names, or a stranger."""
    path = place(choices, state)
    node = state.mounted.view.tree[path]
    other = state.mounted.otherwise(path) or node
    nobody = _stranger(limits)
    relations = (
        Credentials(node.uid, nobody),
        Credentials(nobody, node.gid),
        Credentials(nobody, nobody, (node.gid,)),
        named(node, limits),
        named(node, limits),
        stranger(limits),
        Credentials(node.uid, node.gid),
        Credentials(node.uid, nobody, (node.gid,)),
        Credentials(other.uid, other.gid),
        named(node, limits),
    )
    return _unable(choices.pick(relations))


def _stranger(limits: Limits) -> int:
    """An id of nobody that layers know, where there is one."""
    if limits.ids is None:
        return _STRANGER
    return limits.ids[-1] if limits.ids else 0


def stranger(limits: Limits) -> Credentials:
    """Somebody that layers do not know, where there is one."""
    nobody = _stranger(limits)
    return _unable(Credentials(nobody, nobody))


def _unable(who: Credentials) -> Credentials:
    """Root as he is without his capabilities; others have none."""
    return replace(who, drop=_UNABLE) if who.uid == 0 else who


def is_telling(who: Credentials, node: Node, other: Node) -> bool:
    """Whether somebody may do other things to a directory than to one with the metadata of `other`, or than
    to one without its ACL."""
    if permission.owns(who, node) != permission.owns(who, other):
        return True
    if (node.mode ^ other.mode) & STICKY and not permission.owns(who, node):
        return True
    may = [permission.permits(node, who, bit) for bit in _BITS]
    bare = with_xattrs(node, {overlayfs.ACL_ACCESS: None})
    return any(may != [permission.permits(each, who, bit) for bit in _BITS] for each in (other, bare))


def named(node: Node, limits: Limits) -> Credentials:
    """Somebody that an ACL of a directory names; its owner where none does."""
    nobody = _stranger(limits)
    for name, value in node.xattrs:
        if name in overlayfs.ACLS:
            for line in acl.unpack(value):
                if line.tag == acl.USER:
                    return _unable(Credentials(line.ident, nobody))
                if line.tag == acl.GROUP:
                    return _unable(Credentials(nobody, line.ident))
    return _unable(Credentials(node.uid, nobody))
