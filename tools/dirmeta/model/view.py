"""A merged view, and the one decision in it: whose metadata a directory shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dirmeta.model import overlayfs
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import DEFAULT, Policies
from dirmeta.model.tree import Node, Tree


class Place(NamedTuple):
    """A directory in one layer: the layer's index, 0 the topmost, and its path there."""

    layer: int
    path: str


class View(NamedTuple):
    """A merged tree, and for each of its directories where it comes from.

    contributors  path → what overlayfs merges there, topmost first
    source        path → the contributor whose metadata shows
    """

    tree: Tree
    contributors: dict[str, tuple[Place, ...]]
    source: dict[str, Place]


def is_marked(node: Node, namespace: Namespace, policies: Policies = DEFAULT) -> bool:
    """Whether a directory delegates its metadata, to a mount that reads `namespace`."""
    if not node.xattrs:
        return False
    value = node.xattr(overlayfs.mark_name(namespace))
    return value is not None and (policies.value == "any" or value == overlayfs.YES)


def source(places: Sequence[Place], marked: Sequence[bool], policies: Policies = DEFAULT) -> Place:
    """The contributor whose metadata a merged directory shows.

    places: topmost first, never empty; marked: whether each carries a mark.
    Source: SPEC.md, "source of p"; container-libs#701.
    """
    last = places[-1] if policies.fallback == "lowest" else places[0]
    return next((place for place, mark in zip(places, marked, strict=True) if not mark), last)
