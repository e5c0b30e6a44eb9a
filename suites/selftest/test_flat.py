"""Layers applied one over another in one directory, as flat tools were seen to do it."""

from dirmeta.model.flat import predict
from dirmeta.model.listing import parse
from dirmeta.model.tree import Tree


def applied(text: str) -> Tree:
    tree = predict(parse(text), "sequential")
    assert tree is not None
    return tree


def test_a_symlink_to_a_directory_is_written_through() -> None:
    tree = applied("layer 1 usr/bin/ 0750 7:8\n bin -> usr/bin\nlayer 2 bin/foo")
    assert (tree["bin"].kind, tree["usr/bin/foo"].kind) == ("symlink", "file")
    assert (tree["usr/bin"].mode, "bin/foo" in tree) == (0o750, False)


def test_a_symlink_to_nothing_gives_way_to_a_directory() -> None:
    tree = applied("layer 1 bin -> gone\nlayer 2 bin/foo")
    assert (tree["bin"].kind, tree["bin/foo"].kind) == ("directory", "file")


def test_an_emptied_directory_has_no_xattr_of_overlayfs() -> None:
    tree = applied("layer 1 d/old\nlayer 2 d/.wh..wh..opq\n d/ 0711\n d/new")
    assert (tree["d"].mode, tree["d"].xattrs) == (0o711, ())
    assert "d/old" not in tree
