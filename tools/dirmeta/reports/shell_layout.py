"""The commands that make a diff directory: what `dirmeta.observe.layout` does, in sh."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from dirmeta.model import overlayfs, spelling
from dirmeta.model.tree import Node, Tree

_PLAIN_VALUE = re.compile(rb"(?!0[xXsS])[A-Za-z0-9_./:+@-]+")
_ACL_OPTION = {overlayfs.ACL_ACCESS: "", overlayfs.ACL_DEFAULT: "-d "}


def laying_out(tree: Tree, at: str) -> Iterator[str]:
    """Makes `at` hold the tree: names first, and then, from below, all that is set on them."""
    for path in sorted(tree):
        yield _making(tree, path, at)
    for path in sorted(tree, reverse=True):
        node = tree[path]
        if not node.is_whiteout and node.link in ("", path):
            yield from _finishing(node, place(at, path))


def place(at: str, path: str) -> str:
    """The name of a path in a directory, as a word of sh."""
    return shlex.quote(f"{at}/{path}" if path else at)


def _making(tree: Tree, path: str, at: str) -> str:
    node, where = tree[path], place(at, path)
    if node.link and node.link != path:
        return f"ln {place(at, node.link)} {where}"
    match node.kind:
        case "directory":
            return f"mkdir {where}"
        case "file":
            return f"{printed(node.content)} > {where}"
        case "symlink":
            return f"ln -sT -- {shlex.quote(node.target)} {where}"
        case "char" | "block":
            return f"mknod {where} {node.kind[0]} {node.device[0]} {node.device[1]}"
        case _:
            return f"mkfifo {where}"


def _finishing(node: Node, where: str) -> Iterator[str]:
    if node.uid or node.gid:
        yield f"chown -h +{node.uid}:+{node.gid} {where}"
    acls = spelling.acl_texts(node.xattrs)
    for name, value in node.xattrs:
        if name in acls:
            yield f"setfacl {_ACL_OPTION[name]}-n --set {acls[name]} {where}"
        else:
            yield setting(name, value, where)
    if node.kind != "symlink":
        yield f"chmod {node.mode:05o} {where}"
    if node.mtime is not None:
        yield f"touch -h -d @{spelling.seconds_text(node.mtime)} {where}"


def setting(name: str, value: bytes, where: str) -> str:
    """The command that sets one xattr, of a link itself."""
    text = value.decode("ascii") if _PLAIN_VALUE.fullmatch(value) else f"0x{value.hex()}" if value else "''"
    return f"setfattr -h -n {shlex.quote(name)} -v {text} {where}"


def printed(content: bytes) -> str:
    """The command that prints these bytes."""
    return f"printf '{''.join(map(_in_format, content))}'"


def _in_format(byte: int) -> str:
    char = chr(byte)
    if char == "%":
        return "%%"
    return char if " " <= char <= "~" and char not in "'\\-" else f"\\{byte:03o}"
