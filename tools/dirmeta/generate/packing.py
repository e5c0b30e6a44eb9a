"""Many independent cases in one set of layers, each below a top-level directory of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.model.overlayfs import PREFIX, REDIRECT
from dirmeta.model.stack import Case, Layer
from dirmeta.model.tree import Node, Tree

_REDIRECTS: Final = frozenset(prefix + REDIRECT for prefix in PREFIX.values())


class PackingError(ValueError):
    """Cases that can not share their layers: which one, and why."""


def prefix(index: int) -> str:
    """The top-level directory of case number `index`: ``c00``, ``c01``, …"""
    return f"c{index:02d}"


def packable(case: Case) -> bool:
    """Whether a case means the same below another directory than the root (see `obstacle`)."""
    return not obstacle(case)


def obstacle(case: Case) -> str:
    """Why a case has to be run by itself, or nothing: it says something of the layer root, is not well
    formed, or has a program."""
    if case.program:
        return "it has a program"
    for layer in case.stack:
        for entry in layer.entries:
            if entry.path == paths.ROOT:
                return f"{entry.name} is about the layer root"
    return case.malformed


def pack(cases: Sequence[Case]) -> Case:
    """One case that holds all of `cases`, the first below ``c00`` and so on.

    Layer n holds what layer n of each case has, in the order it has it; shorter stacks end earlier.
    PackingError where setups differ, or one can not be packed.
    """
    if not cases:
        raise PackingError("no case to pack")
    for index, case in enumerate(cases):
        if case.setup != cases[0].setup:
            raise PackingError(f"case {index} has another setup than case 0; pack cases of one setup")
        if why := obstacle(case):
            raise PackingError(f"case {index} can not be packed: {why}")
    return joined(cases)


def joined(cases: Sequence[Case]) -> Case:
    """The same for cases that are known to have one setup and to be `packable`."""
    stacks = [_prefixed_stack(prefix(index), case) for index, case in enumerate(cases)]
    together = zip_longest(*stacks, fillvalue=())
    return Case(tuple(Layer(tuple(e for part in parts for e in part)) for parts in together), cases[0].setup)


def _prefixed_stack(top: str, case: Case) -> list[tuple[Entry, ...]]:
    return [tuple(_prefixed(top, entry) for entry in layer) for layer in case.stack]


def _prefixed(top: str, entry: Entry) -> Entry:
    changes: dict[str, Any] = {
        "name": prefixed_name(top, entry.name),
        "place": f"{top}/{entry.place}",
        "path": f"{top}/{entry.path}",
    }
    if entry.kind == "hardlink":
        changes["target"] = prefixed_name(top, entry.target)
    if entry.xattrs and any(key in _REDIRECTS for key, _ in entry.xattrs):
        changes["xattrs"] = tuple(
            (key, _redirect(top, value) if key in _REDIRECTS else value) for key, value in entry.xattrs
        )
    return entry.copied(**changes)


def prefixed_name(top: str, name: str) -> str:
    """`name` below the directory `top`, spelled as oddly as before: ``./x`` is ``./top/x``."""
    if name.startswith("./"):
        return f"./{top}/{name[2:]}"
    return f"/{top}/{name[1:]}" if name.startswith("/") else f"{top}/{name}"


def _redirect(top: str, value: bytes) -> bytes:
    return b"/" + top.encode() + value if value.startswith(b"/") else value


def split(tree: Tree, count: int) -> list[Tree]:
    """What a packed case's tree has of each of `count` cases: all that lies below its prefix, by paths
    relative to it, without the directory itself."""
    trees: list[Tree] = [{} for _ in range(count)]
    by_prefix = {prefix(index): trees[index] for index in range(count)}
    for path, node in tree.items():
        top, _, rest = path.partition("/")
        part = by_prefix.get(top)
        if part is not None and rest:
            part[rest] = _unlinked(top, node) if node.link else node
    return trees


def unpack_tree(tree: Tree, index: int) -> Tree:
    """What a packed case's tree has of case number `index`, as in `split`."""
    start = prefix(index) + "/"
    return {
        path[len(start) :]: _unlinked(prefix(index), node) if node.link else node
        for path, node in tree.items()
        if path.startswith(start)
    }


def _unlinked(top: str, node: Node) -> Node:
    """`node` with its link relative to `top`; a link to another case's file stays as it is, to be seen."""
    return node._replace(link=node.link.removeprefix(top + "/"))
