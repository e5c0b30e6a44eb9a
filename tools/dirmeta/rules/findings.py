"""Where what was seen differs from what was predicted, and which rule that breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from dirmeta.model.entries import Xattrs
from dirmeta.model.tree import Node

What = Literal[
    "missing", "extra", "kind", "mode", "uid", "gid", "mtime", "xattr", "content", "target", "device", "link"
]  # fmt: skip
KERNEL_LOG: Final = "the kernel log"
MISBEHAVIOUR: Final = "the kernel"
"""What a finding is about where it is not about a path."""
METADATA: Final = ("mode", "uid", "gid", "mtime")
_FIELDS: Final[tuple[What, ...]] = ("mode", "uid", "gid", "mtime", "content", "target", "device", "link")


class Difference(NamedTuple):
    """One attribute of one path that is not as predicted.

    name       of the xattr, where `what` is ``xattr``; its value there is None where absent
    want, saw  the whole nodes, None where there is none
    """

    path: str
    what: What
    want: Node | None
    saw: Node | None
    name: str = ""


class Finding(NamedTuple):
    """A rule broken by one case.

    where  a path, or what else the sentence is about
    layer  number of the layer whose diff directory this is about (1 is the lowest); 0: the mount
    want, saw  in words, on one line
    """

    rule: str
    where: str
    want: str
    saw: str
    layer: int = 0
    node: Node | None = None
    """What was seen there, so that the report can tell which semantics would have it so."""
    log: tuple[str, ...] = ()
    """What the kernel had to say, where it misbehaved."""
    difference: Difference | None = None
    """The attribute that is wrong, where it is one of a path in a diff directory."""


def differences(
    expected: Mapping[str, Node], seen: Mapping[str, Node], granularity: int = 1
) -> list[Difference]:
    """Everything in which two trees differ, by path.

    granularity: of the file system's times, in nanoseconds. A predicted mtime of None is any time.
    """
    if expected == seen:
        return []
    found: list[Difference] = []
    different = [path for path, node in expected.items() if seen.get(path) != node]
    for path in sorted((*different, *(seen.keys() - expected.keys()))):
        found.extend(_between(path, expected.get(path), seen.get(path), granularity))
    return found


def _between(path: str, want: Node | None, saw: Node | None, granularity: int) -> Iterator[Difference]:
    if want is None or saw is None:
        yield Difference(path, "extra" if want is None else "missing", want, saw)
        return
    if want.kind != saw.kind:
        yield Difference(path, "kind", want, saw)
        return
    for what in _FIELDS:
        mine, theirs = getattr(want, what), getattr(saw, what)
        if mine != theirs and not (what == "mtime" and _same_time(want, saw, granularity)):
            yield Difference(path, what, want, saw)
    for name in _changed(want.xattrs, saw.xattrs):
        yield Difference(path, "xattr", want, saw, name)


def _same_time(want: Node, saw: Node, granularity: int) -> bool:
    if want.mtime is None or saw.mtime is None:
        return True
    return want.mtime // granularity == saw.mtime // granularity


def _changed(want: Xattrs, saw: Xattrs) -> list[str]:
    if want == saw:
        return []
    return sorted({name for name, _ in set(want) ^ set(saw)})
