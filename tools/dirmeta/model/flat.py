"""The other models of what a stack means: how tools without the feature compose layers.

Source: SPEC.md, "Semantics".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.entries import Entry
from dirmeta.model.semantics import VARIANTS, Policies, Semantics
from dirmeta.model.stack import Case, Layer
from dirmeta.model.tree import Tree, link_groups

MAX_SYMLINKS = 40


def predict(
    case: Case, semantics: Semantics, variant: str = "", policies: Policies = oracle.DEFAULT
) -> Tree | None:
    """The root file system that a stack means under some semantics; None where it is refused.

    variant: one of `VARIANTS`, the first where empty. Metadata a tool takes from the clock is None.
    """
    variant = variant or VARIANTS.get(semantics, ("",))[0]
    if semantics == "sequential":
        return sequential(case.stack, policies, bump=variant == "bump")
    if semantics == "fixed" and variant == "new":
        return sequential(case.stack, Policies(), bump=False)
    if semantics == "strict" and any(layer.implied for layer in case.stack):
        return None
    if semantics == "delegate":
        return _overlaid(oracle.diff_directories(case, policies), case, policies, delegate=True)
    if semantics == "topmost":
        return _overlaid(oracle.diff_directories(case, policies), case, policies, delegate=False)
    unmarked = replace(case, setup=replace(case.setup, delegate=False))
    diffs = inherit(unmarked, policies) if semantics == "inherit" else oracle.diff_directories(unmarked)
    return _overlaid(diffs, case, policies, delegate=False)


def _overlaid(diffs: list[Tree], case: Case, policies: Policies, *, delegate: bool) -> Tree:
    view = oracle.merge(diffs, delegate=delegate, namespace=case.setup.namespace, policies=policies)
    return view.tree


def inherit(case: Case, policies: Policies = oracle.DEFAULT) -> list[Tree]:
    """Diff directories as containerd makes them: an implied directory copies the nearest layer
    below that has the path; a non-directory there stops the search. Its mtime is now."""
    diffs = oracle.diff_directories(case, policies)
    for number, layer in enumerate(case.stack):
        for path in layer.implied:
            lower = next((tree[path] for tree in reversed(diffs[:number]) if path in tree), None)
            mine = diffs[number][path]._replace(mtime=None)
            if lower is not None and lower.kind == "directory":
                public = tuple(pair for pair in lower.xattrs if not pair[0].startswith("trusted."))
                mine = mine._replace(
                    mode=lower.mode,
                    uid=lower.uid,
                    gid=lower.gid,
                    xattrs=tuple(sorted({*mine.xattrs, *public})),
                )
            diffs[number][path] = mine
    return diffs


def sequential(stack: Sequence[Layer], policies: Policies, *, bump: bool) -> Tree:
    """Layers applied one over another in one directory: an entry replaces attributes, no entry
    leaves them. With `bump`, a child created or removed sets its directory's mtime to now."""
    directory = _Directory(policies, bump)
    for layer in stack:
        directory.apply(layer)
    return link_groups(directory.tree, directory.links) if directory.links else directory.tree


class _Directory:
    """A directory that layers are applied to."""

    def __init__(self, policies: Policies, bump: bool) -> None:
        self.blank = oracle.placeholder(policies)
        self.tree: Tree = {paths.ROOT: self.blank}
        self.links: dict[str, object] = {}
        self.bump = bump

    def apply(self, layer: Layer) -> None:
        # Whiteouts speak of the layers below, wherever they stand in the stream.
        for entry in layer:
            if entry.kind in ("whiteout", "opaque"):
                self._remove(self._resolved(entry.path), itself=entry.kind == "whiteout")
        own = oracle.diff_directory(layer, delegate=False)
        for entry in layer:
            path = self._with_parents(entry)
            if entry.kind not in ("whiteout", "opaque"):
                self._place(path, entry, own)
        for path, entry in layer.explicit.items():
            # Tools set directory times last.
            resolved = self._resolved(path)
            self.tree[resolved] = self.tree[resolved]._replace(mtime=entry.mtime)

    def _place(self, path: str, entry: Entry, own: Tree) -> None:
        node = own[entry.path]
        public = tuple(pair for pair in node.xattrs if not overlayfs.is_overlay_private(pair[0]))
        node = node._replace(link="", xattrs=public)
        before = self.tree.get(path)
        if node.kind != "directory" or (before and before.kind != "directory"):
            self._remove(path, itself=True)
        if path not in self.tree:
            self._touch(paths.parent(path))
        self.tree[path] = node
        if entry.kind == "hardlink":
            target = self._resolved(entry.target_path)
            self.links[path] = self.links.setdefault(target, object())

    def _with_parents(self, entry: Entry) -> str:
        """Make what is missing above an entry; the path it ends up at."""
        for up in reversed(paths.ancestors(entry.place)):
            if self._leads_to_a_directory(up):
                continue
            resolved = self._resolved(up)
            node = self.tree.get(resolved)
            if node is None or node.kind != "directory":
                self._remove(resolved, itself=True)
                self._touch(paths.parent(resolved))
                self.tree[resolved] = self.blank._replace(mtime=None) if self.bump else self.blank
        return self._resolved(entry.path)

    def _resolved(self, path: str) -> str:
        """`path` with symlinks above it followed inside the root, as a flat tool writes through them."""
        for _ in range(MAX_SYMLINKS):
            link = next(
                (up for up in reversed(paths.ancestors(path)) if self._node_kind(up) == "symlink"), None
            )
            if link is None:
                break
            target = self.tree[link].target
            base = "" if target.startswith("/") else paths.parent(link)
            path = _squeezed(paths.join(paths.join(base, target.strip("/")), path[len(link) + 1 :]))
        return path

    def _leads_to_a_directory(self, path: str) -> bool:
        """Whether a symlink stands there that a tool writes through."""
        below = self._resolved(paths.join(path, "below"))
        return (
            self._node_kind(self._resolved(path)) == "symlink"
            and self._node_kind(paths.parent(below)) == "directory"
        )

    def _node_kind(self, path: str) -> str:
        node = self.tree.get(path)
        return node.kind if node else ""

    def _remove(self, path: str, *, itself: bool) -> None:
        gone = [name for name in self.tree if paths.below(name, path)]
        if itself and path in self.tree and path:
            gone.append(path)
        for name in gone:
            del self.tree[name]
            self.links.pop(name, None)
            self._touch(paths.parent(name))

    def _touch(self, path: str) -> None:
        if self.bump and path in self.tree:
            self.tree[path] = self.tree[path]._replace(mtime=None)


def _squeezed(path: str) -> str:
    """`path` with ``..`` taken back, never above the root."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
