"""An overlay with an upper directory, as all of it lies on disk, and what it shows."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from dirmeta.model import overlayfs, paths
from dirmeta.model.limits import Limits
from dirmeta.model.lookup import Merger
from dirmeta.model.overlayfs import Namespace, Option
from dirmeta.model.semantics import DEFAULT, Policies
from dirmeta.model.stack import Setup
from dirmeta.model.tree import Node, Tree
from dirmeta.model.view import Place, View, is_marked, source

EMPTY: Final[Tree] = {paths.ROOT: Node("directory")}
"""A fresh upper directory."""
UPPER: Final = 0
"""The index of the upper among the layers of a mount, topmost first."""
_NEWER: Final = frozenset((("index", "on"), ("metacopy", "on"), ("redirect_dir", "on"), ("xino", "on")))
"""Options whose users forgo changes to lower layers while they are not mounted."""


@dataclass(frozen=True)
class How:
    """How an overlay is mounted.

    delegate  whether marks are heeded
    initial   whether by the first user namespace, which is asked for some capabilities
    escapes   whether its own xattrs can be set through it, and are escaped (6.7)
    options   mount options that change what writing does
    backing   the file system of the upper
    """

    delegate: bool
    namespace: Namespace = "trusted"
    policies: Policies = DEFAULT
    initial: bool = True
    escapes: bool = True
    options: frozenset[Option] = frozenset()
    backing: str = "tmpfs"

    @property
    def redirects(self) -> bool:
        """Whether a directory that merges can be renamed."""
        return ("redirect_dir", "on") in self.options

    @property
    def makes_opaque(self) -> bool:
        """Whether a new directory in one that merges is made opaque, though nothing is hidden by it.

        Kernel: `ovl_allow_offline_changes`.
        """
        return not _NEWER.isdisjoint(self.options)

    @property
    def exchanges_retime(self) -> bool:
        """Whether an exchange sets the mtime of directories that get another parent by it."""
        return self.backing == "xfs"

    @property
    def says_not_empty(self) -> int:
        """The errno of a rename onto a directory that is not empty."""
        return errno.EEXIST if self.backing == "xfs" else errno.ENOTEMPTY

    @property
    def refused_renames_retime(self) -> bool:
        """Whether the mtime of a directory is set where a rename out of it turns out not to be possible."""
        return self.backing == "ext4"

    @property
    def prefix(self) -> str:
        """Of the xattrs that the mount keeps for itself."""
        return overlayfs.PREFIX[self.namespace]

    @property
    def mark(self) -> str:
        return overlayfs.mark_name(self.namespace)


def drawn_for(setup: Setup, limits: Limits) -> How:
    """How a place with such limits mounts what is drawn for it."""
    return How(
        limits.delegate,
        setup.namespace,
        limits.policies,
        limits.trusted,
        limits.escapes,
        frozenset(setup.options),
        setup.backing,
    )


@dataclass(frozen=True)
class Mounted:
    """Raw trees, lowers lowest first; `merger` is the model of look-ups, a miniature's to break."""

    lowers: tuple[Tree, ...]
    upper: Tree
    how: How
    merger: type[Merger] = Merger

    @cached_property
    def merged(self) -> Merger:
        return self.merger(
            [*self.lowers, self.upper],
            delegate=self.how.delegate,
            namespace=self.how.namespace,
            policies=self.how.policies,
            upper=True,
        )

    @cached_property
    def view(self) -> View:
        return self.merged.view()

    def shows(self, path: str) -> Node | None:
        return self.view.tree.get(path)

    def is_lower(self, path: str) -> bool:
        """Whether a directory that shows has lower ones, or is one."""
        return any(place.layer != UPPER for place in self.view.contributors.get(path, ()))

    def is_delegated(self, path: str) -> bool:
        """Whether a directory shows another metadata than that of its topmost contributor."""
        places = self.view.contributors.get(path, ())
        return bool(places) and self.view.source[path] != places[0]

    def by_marks(self, path: str) -> Place | None:
        """The contributor whose metadata a directory shows where marks are heeded, if another one's shows
        where they are not: whichever this mount does, it matters there."""
        places = self.view.contributors.get(path, ())
        if len(places) < 2 or (path == paths.ROOT and self.how.policies.root != "delegate"):
            return None
        found = source(places, [self.merged.is_marked(place) for place in places], self.how.policies)
        return None if found == places[0] else found

    def was_by_marks(self, path: str) -> bool:
        """Whether marks matter for what a directory of the lower layers alone shows."""
        return self._below.by_marks(path) is not None

    def otherwise(self, path: str) -> Node | None:
        """What a directory would show if marks were not heeded; of a mount that does not, if they were."""
        place = None if self.how.delegate else self.by_marks(path)
        return self.placeholder(path) if place is None else self.merged.node(place)

    @cached_property
    def _below(self) -> Mounted:
        return replace(self, upper=EMPTY)

    def is_marked_upper(self, path: str) -> bool:
        """Whether the upper has a directory there whose mark is heeded."""
        node = self.upper.get(path)
        return (
            node is not None
            and node.kind == "directory"
            and self.how.delegate
            and self.how.policies.upper_mark == "honour"
            and is_marked(node, self.how.namespace, self.how.policies)
        )

    def placeholder(self, path: str) -> Node | None:
        """The own metadata of a directory's topmost contributor."""
        places = self.view.contributors.get(path, ())
        return self.merged.node(places[0]) if places else None

    def hides(self, path: str) -> bool:
        """Whether a lower layer has something that would show in place of what the upper has at a path.

        Kernel: `ovl_lower_positive`.
        """
        if path not in self.upper:
            return True
        name = paths.basename(path)
        for place in self.view.contributors.get(paths.parent(path), ()):
            below = self.merged.layers[place.layer].get(paths.join(place.path, name))
            if place.layer != UPPER and below is not None:
                return not self.merged.is_whiteout(below)
        return False

    def stored(self, node: Node) -> Node:
        """What shows of a file as the upper holds it: xattrs that would be the mount's own are escaped."""
        prefix = self.how.prefix
        xattrs = (
            (prefix + "overlay." + name[len(prefix) :] if name.startswith(prefix) else name, value)
            for name, value in node.xattrs
        )
        return node._replace(xattrs=tuple(sorted(xattrs)), link="")

    def private(self, node: Node) -> tuple[tuple[str, bytes], ...]:
        """The xattrs of a raw node that are the mount's own, without the mark."""
        escaped = self.how.prefix + "overlay."
        return tuple(
            (name, value)
            for name, value in node.xattrs
            if name.startswith(self.how.prefix) and not name.startswith(escaped) and name != self.how.mark
        )


def with_xattrs(node: Node, changes: Mapping[str, bytes | None]) -> Node:
    """A node with xattrs set, or removed where the value is None."""
    xattrs = {**dict(node.xattrs), **changes}
    kept = ((name, value) for name, value in xattrs.items() if value is not None)
    return node._replace(xattrs=tuple(sorted(kept)))


def with_pairs(node: Node, pairs: Iterable[tuple[str, bytes]]) -> Node:
    """A node with further xattrs."""
    return node._replace(xattrs=tuple(sorted((*node.xattrs, *pairs))))
