"""MERGE: from diff directories to the mounted view, held against the oracle's.

Each function is asked about one difference and says whether it breaks the rule it stands under.
"""

from __future__ import annotations

from dirmeta.model import overlayfs, paths
from dirmeta.model.tree import Node
from dirmeta.rules.findings import Difference
from dirmeta.rules.merging import Merging, claims, is_metadata


@claims("MERGE-SOURCE", {"unmarked below marked": 0.15})
def shows_its_source(each: Difference, at: Merging) -> bool:
    """A merged directory reports its source's mode, uid, gid and mtime."""
    return is_metadata(each) and not all(at.marks(each.path))


@claims("MERGE-FALLBACK", {"all marked": 0.1})
def falls_back_to_the_topmost(each: Difference, at: Merging) -> bool:
    """All contributing directories marked: the topmost one's metadata."""
    marks = at.marks(each.path)
    return is_metadata(each) and bool(marks) and all(marks)


@claims("MERGE-TOGETHER", {"several layers": 0.3})
def comes_from_one_layer(each: Difference, at: Merging) -> bool:
    """Mode, uid, gid and mtime come from one and the same layer."""
    if not is_metadata(each) or each.saw is None or each.path not in at.view.contributors:
        return False
    own = [*at.contributors(each.path), *at.layers_at(each.path)]
    return all(_four(node) != _four(each.saw) for node in own)


def _four(node: Node) -> tuple[object, ...]:
    return (node.mode, node.uid, node.gid, node.mtime)


@claims("MERGE-ACL", {"acl below marked": 0.02})
def acls_come_from_the_source(each: Difference, at: Merging) -> bool:
    """So do access and default ACL."""
    return each.name in overlayfs.ACLS and each.path in at.view.contributors


@claims("MERGE-XATTR", {"xattr": 0.1})
def xattrs_come_from_the_source(each: Difference, at: Merging) -> bool:
    """All other xattrs come from the source, as one set."""
    if each.what != "xattr" or each.name in overlayfs.ACLS or each.path not in at.view.contributors:
        return False
    return each.name not in (at.mark, at.other_mark)


@claims("MERGE-LOCAL", {"marked below unmarked": 0.02})
def resolves_each_directory_alone(each: Difference, at: Merging) -> bool:
    """Resolution is per directory: neither parent's nor child's mark matters."""
    mine = at.marks(each.path)
    if not is_metadata(each) or not mine:
        return False
    near = [path for path in at.view.contributors if path and paths.parent(path) == each.path]
    near += [paths.parent(each.path)] if each.path else []
    return any(at.marks(path)[:1] != mine[:1] for path in near)


@claims("MERGE-BARRIER", {"barrier below marked": 0.03})
def stops_at_a_barrier(each: Difference, at: Merging) -> bool:
    """The search never passes a whiteout or a non-directory, at p or at an ancestor."""
    if each.path not in at.view.contributors or each.what in ("missing", "extra"):
        return False
    return any(
        any(node.kind != "directory" or _hides(node, at) for node in at.layers_at(path))
        for path in (each.path, *paths.ancestors(each.path))
    )


def _hides(node: Node, at: Merging) -> bool:
    """Whether a node is a directory with whiteouts that are files (opaque=x)."""
    return node.xattr(overlayfs.PREFIX[at.setup.namespace] + overlayfs.OPAQUE) == overlayfs.XWHITEOUTS


@claims("MERGE-OPAQUE", {"opaque and marked": 0.02})
def ends_at_an_opaque_directory(each: Difference, at: Merging) -> bool:
    """The search includes an opaque directory and ends there."""
    opaque = overlayfs.PREFIX[at.setup.namespace] + overlayfs.OPAQUE
    return _is_of_directory(each, at) and any(
        node.xattr(opaque) == overlayfs.YES for node in at.contributors(each.path)
    )


@claims("MERGE-EMPTIED", {"emptied implied directory": 0.01})
def an_emptied_directory_stays(each: Difference, at: Merging) -> bool:
    """A marked directory whose children are all whited out above still exists, resolved as usual."""
    if each.path not in at.view.contributors or not any(at.marks(each.path)):
        return False
    shown = any(paths.below(path, each.path) for path in at.view.tree)
    held = any(paths.below(path, each.path) for tree in at.diffs for path in tree)
    return held and not shown


@claims("MERGE-VALUE", {"odd mark value": 0.03})
def only_y_is_a_mark(each: Difference, at: Merging) -> bool:
    """A value other than y is no mark."""
    values = [node.xattr(at.mark) for node in at.contributors(each.path)]
    return _is_of_directory(each, at) and any(value not in (None, overlayfs.YES) for value in values)


@claims("MERGE-NONDIR", {"mark on non-directory": 0.02})
def marks_only_directories(each: Difference, at: Merging) -> bool:
    """A mark on anything but a directory does nothing."""
    return each.path not in at.view.contributors and any(
        node.kind != "directory" and (node.xattr(at.mark) or node.xattr(at.other_mark))
        for node in at.layers_at(each.path)
    )


@claims("MERGE-NAMESPACE", {"other namespace's mark": 0.05})
def only_the_active_namespace_counts(each: Difference, at: Merging) -> bool:
    """Only the mount's active namespace counts; the other one is an ordinary xattr."""
    if each.name == at.other_mark:
        return True
    return _is_of_directory(each, at) and any(
        node.xattr(at.other_mark) is not None for node in at.contributors(each.path)
    )


@claims("MERGE-PRIVATE", {"unmarked below marked": 0.1})
def the_mark_is_hidden(each: Difference, at: Merging) -> bool:
    """A diff directory's mark in the active namespace is never listed in the merged view."""
    return each.name == at.mark and each.saw is not None and each.saw.xattr(at.mark) is not None


@claims("MERGE-NAMES", {"several layers": 0.3})
def names_are_as_without_marks(each: Difference, at: Merging) -> bool:
    """Names, types, contents and the metadata of non-directories are as without marks."""
    return each.what in ("missing", "extra", "kind") or each.path not in at.view.contributors


@claims("MERGE-ROOT", {"marked root": 0.3})
def the_root_resolves_alike(each: Difference, at: Merging) -> bool:
    """The mount root resolves by the same rule when layer roots are marked."""
    return each.path == paths.ROOT


@claims("MERGE-REDIRECT", {"redirect": 0.1})
def follows_redirects(each: Difference, at: Merging) -> bool:
    """The redirecting directory's own mark is tested; the redirect's target is the next contributor."""
    redirect = overlayfs.PREFIX[at.setup.namespace] + overlayfs.REDIRECT
    return any(
        node.xattr(redirect) is not None
        for path in (each.path, *paths.ancestors(each.path))
        for node in at.contributors(path)
    )


@claims("MERGE-DATAONLY", {"data-only": 0.5})
def data_layers_are_no_source(each: Difference, at: Merging) -> bool:
    """Data-only layers are never a source."""
    return _is_of_directory(each, at) or each.what in ("missing", "extra")


@claims("MERGE-DEPTH", {"over a hundred layers": 0.3})
def the_source_is_found_at_any_depth(each: Difference, at: Merging) -> bool:
    """The source is found at any depth."""
    return _is_of_directory(each, at) or each.what in ("missing", "extra")


@claims("MERGE-IDMAP", {"unmarked below marked": 0.1})
def ids_are_mapped_through_the_source(each: Difference, at: Merging) -> bool:
    """With idmapped layers the source's ids are mapped through the source's mount."""
    return _is_of_directory(each, at)


def _is_of_directory(each: Difference, at: Merging) -> bool:
    return each.path in at.view.contributors and (is_metadata(each) or each.what == "xattr")
