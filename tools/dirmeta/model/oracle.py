"""What is right: the diff directory of a layer, and the merged view of a stack.

The oracle keeps flat facts (which entries a layer has) and derives trees from them; it never acts in
stream order, so its answer can not depend on the order it is asked to check. Nothing else in the
package knows what the right answer is. Source: SPEC.md, "Terms".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import Entry, Xattrs
from dirmeta.model.lookup import Merger
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import DEFAULT, Policies
from dirmeta.model.stack import Case, Layer, Setup
from dirmeta.model.tree import WHITEOUT, Node, Tree, link_groups
from dirmeta.model.view import Place, View, is_marked, source

__all__ = [
    "DEFAULT", "Place", "View", "diff_directories", "diff_directory", "expected_diff", "is_marked", "merge",
    "placeholder", "source",
]  # fmt: skip


def placeholder(policies: Policies = DEFAULT) -> Node:
    """The own metadata of a directory that no entry describes (UNPACK-FALLBACK)."""
    seconds = int(policies.placeholder_mtime)
    return Node("directory", int(policies.placeholder_mode, 8), 0, 0, seconds * 1_000_000_000)


def diff_directory(
    layer: Layer,
    *,
    namespace: Namespace = "trusted",
    delegate: bool = True,
    policies: Policies = DEFAULT,
    verbatim: bool = False,
) -> Tree:
    """What unpacking a well-formed layer alone leaves on disk, in overlayfs's on-disk format.

    verbatim  take overlay-private xattrs of entries at their word, as a case laid out from the model
              does; an unpacker drops them (UNPACK-FORGED)
    The root is always a key; without an entry of its own it is a placeholder that is never marked.
    """
    keep_forged = verbatim or policies.forged == "keep"
    blank = placeholder(policies)
    opaque = layer.opaques | layer.whiteouts if layer.whiteouts else layer.opaques
    invented = {
        (marked, emptied): blank._replace(xattrs=_private(namespace, marked=marked, opaque=emptied))
        for marked in (False, True) for emptied in (False, True)
    }  # fmt: skip
    tree: Tree = {paths.ROOT: invented[False, paths.ROOT in opaque]}
    for path in layer.implied:
        # What replaces a whited-out path is new, so it has nothing to delegate to (UNPACK-REPLACED-MARK).
        tree[path] = invented[delegate and path not in layer.whiteouts, path in opaque]
    for path, entry in layer.explicit.items():
        xattrs = _kept(entry.xattrs, keep_forged)
        if path in opaque:
            xattrs = _merged(xattrs, _private(namespace, marked=False, opaque=True))
        tree[path] = Node("directory", entry.mode, entry.uid, entry.gid, entry.mtime, xattrs)
    links: dict[str, str] = {}
    for path, entry in layer.others.items():
        target = _final_target(layer, entry) if entry.kind == "hardlink" else path
        if target != path:
            links[path] = links[target] = target
        tree[path] = _node(layer.others[target], keep_forged)
    for path in layer.whiteouts - tree.keys():
        tree[path] = WHITEOUT
    return link_groups(tree, links) if links else tree


def _private(namespace: Namespace, *, marked: bool, opaque: bool) -> Xattrs:
    prefix = overlayfs.PREFIX[namespace]
    marks = ((prefix + overlayfs.MARK, overlayfs.YES),) if marked else ()
    return marks + (((prefix + overlayfs.OPAQUE, overlayfs.YES),) if opaque else ())


def _kept(xattrs: Xattrs, keep_forged: bool) -> Xattrs:
    if keep_forged or not xattrs:
        return xattrs
    return tuple(pair for pair in xattrs if not overlayfs.is_overlay_private(pair[0]))


def _merged(xattrs: Xattrs, more: Xattrs) -> Xattrs:
    return tuple(sorted({**dict(xattrs), **dict(more)}.items()))


def _final_target(layer: Layer, entry: Entry) -> str:
    """The path of the entry that a name stands for, through links to links."""
    passed = set()
    while entry.kind == "hardlink" and entry.target_path in layer.others and entry.path not in passed:
        passed.add(entry.path)  # a malformed layer may tie a knot
        entry = layer.others[entry.target_path]
    return entry.path


def _node(entry: Entry, keep_forged: bool) -> Node:
    kind = "file" if entry.kind == "hardlink" else entry.kind
    mode = 0o777 if kind == "symlink" else entry.mode
    if kind == "char" and entry.device == (0, 0):
        return WHITEOUT
    return Node(
        kind,  # type: ignore[arg-type]  # whiteouts and opaque markers are never nodes
        mode,
        entry.uid,
        entry.gid,
        entry.mtime,
        _kept(entry.xattrs, keep_forged),
        entry.content,
        entry.target if kind == "symlink" else "",
        entry.device,
    )


def diff_directories(case: Case, policies: Policies = DEFAULT) -> list[Tree]:
    """The diff directory of each layer, lowest first, as the case's setup makes them."""
    return [expected_diff(layer, case.setup, policies) for layer in case.stack]


def expected_diff(layer: Layer, setup: Setup, policies: Policies = DEFAULT) -> Tree:
    """The diff directory of one layer, as a setup makes it."""
    return diff_directory(
        layer,
        namespace=setup.namespace,
        delegate=setup.delegate,
        policies=policies,
        verbatim=setup.layout == "model",
    )


def merge(
    diffs: Sequence[Mapping[str, Node]],
    *,
    delegate: bool,
    namespace: Namespace = "trusted",
    policies: Policies = DEFAULT,
    upper: bool = False,
) -> View:
    """What an overlay mount of diff directories shows.

    diffs     lowest first, as they are on disk
    delegate  whether the kernel has the feature (semantics ``delegate``), or ignores marks
              (``topmost``, today's kernels)
    upper     whether the topmost of them is an upper directory, whose marks a policy of its own governs
    """
    return Merger(diffs, delegate=delegate, namespace=namespace, policies=policies, upper=upper).view()
