"""Differences in words, for findings."""

from __future__ import annotations

from dirmeta.model import acl, overlayfs, paths
from dirmeta.model.listing import metadata_text
from dirmeta.model.tree import Node
from dirmeta.rules.findings import METADATA, Difference


def describe(difference: Difference) -> tuple[str, str]:
    """What was wanted and what was seen, each on one line."""
    want, saw, what = difference.want, difference.saw, difference.what
    if want is None or saw is None:
        return presence(want), presence(saw)
    if what in METADATA:
        return metadata(want), metadata(saw)
    if what == "xattr":
        return xattr(want, difference.name), xattr(saw, difference.name)
    if what == "kind":
        return article(want.kind), article(saw.kind)
    return f"{what} {_value(want, what)}", f"{what} {_value(saw, what)}"


def presence(node: Node | None) -> str:
    if node is None:
        return "nothing"
    return "a whiteout" if node.is_whiteout else article(node.kind)


def article(noun: str) -> str:
    return f"a {noun}"


def metadata(node: Node) -> str:
    """``0750 7:8 1970-01-01 00:00:00``"""
    return metadata_text(node.mode, node.uid, node.gid, node.mtime)


def xattr(node: Node, name: str) -> str:
    """``user.color="blue"``, ``no user.color``, or an ACL in words."""
    value = node.xattr(name)
    if value is None:
        return f"no {name}"
    if name in overlayfs.ACLS:
        return f"{name} {acl.text(value)}"
    return f'{name}="{paths.printable(value.decode("utf-8", "surrogateescape"))}"'


def _value(node: Node, what: str) -> str:
    value = getattr(node, what)
    if isinstance(value, tuple):
        return "{}:{}".format(*value)
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    return f'"{paths.printable(text[:60])}"' if text else "none"
