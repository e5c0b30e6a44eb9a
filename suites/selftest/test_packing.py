"""Packed cases mean what they mean by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from dirmeta.generate import packing, strategies
from dirmeta.generate.packing import PackingError
from dirmeta.model import oracle, paths
from dirmeta.model.entries import OPAQUE_MARKER, Entry
from dirmeta.model.stack import Case, Layer, Operation, Setup
from dirmeta.model.tree import Node, Tree

FILE = Entry("a/f", "file")


def one_layer(*entries: Entry) -> Case:
    return Case((Layer(entries),))


def view(case: Case) -> Tree:
    return oracle.merge(oracle.diff_directories(case), delegate=True, namespace=case.setup.namespace).tree


def without_root(tree: Tree) -> Tree:
    return {path: node for path, node in tree.items() if path}


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(strategies.model_batches(count=8, redirects=True))
def test_a_packed_view_is_the_views_of_its_cases(cases: tuple[Case, ...]) -> None:
    packed = packing.pack(cases)
    assert packed.malformed == ""
    assert packing.split(view(packed), len(cases)) == [without_root(view(case)) for case in cases]


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(strategies.batches(count=8))
def test_a_packed_diff_directory_is_the_ones_of_its_cases(cases: tuple[Case, ...]) -> None:
    packed = oracle.diff_directories(packing.pack(cases))
    for index, case in enumerate(cases):
        alone = [without_root(tree) for tree in oracle.diff_directories(case)]
        together = [packing.unpack_tree(tree, index) for tree in packed]
        assert together[: len(alone)] == alone
        assert not any(together[len(alone) :])


@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(strategies.batches(count=5))
def test_packing_keeps_the_order_of_each_case(cases: tuple[Case, ...]) -> None:
    packed = packing.pack(cases)
    for index, case in enumerate(cases):
        for layer, whole in zip(case.stack, packed.stack, strict=False):
            mine = [e for e in whole if paths.below(e.place, packing.prefix(index))]
            assert [e.mtime for e in mine] == [e.mtime for e in layer]
            assert [e.place for e in mine] == [paths.join(packing.prefix(index), e.place) for e in layer]


def test_there_are_as_many_layers_as_the_tallest_case_has() -> None:
    tall = Case((Layer((FILE,)), Layer(), Layer((FILE,))))
    packed = packing.pack([one_layer(FILE), tall])
    assert [[e.name for e in layer] for layer in packed.stack] == [["c00/a/f", "c01/a/f"], [], ["c01/a/f"]]


@pytest.mark.parametrize(
    ("name", "prefixed"),
    [
        ("x", "c00/x"), ("./x", "./c00/x"), ("/x", "/c00/x"), ("a//b/", "c00/a//b/"), ("a/./b", "c00/a/./b"),
        (".wh.x", "c00/.wh.x"), (".x", "c00/.x"), ("..x", "c00/..x"),
    ],
)  # fmt: skip
def test_names_stay_as_odd_as_they_were(name: str, prefixed: str) -> None:
    assert packing.prefixed_name("c00", name) == prefixed


def test_hardlinks_and_absolute_redirects_follow() -> None:
    xattrs = (("trusted.overlay.redirect", b"/a/b"), ("user.overlay.redirect", b"b"))
    packed = packing.pack([one_layer(
        FILE,
        Entry("g", "hardlink", target="./a/f"),
        Entry("d/", "directory", xattrs=xattrs),
        Entry("s", "symlink", target="/a/f"),
    )])  # fmt: skip
    link, directory, symlink = packed.stack[0].entries[1:]
    assert link.target == "./c00/a/f"
    assert directory.xattrs == (("trusted.overlay.redirect", b"/c00/a/b"), ("user.overlay.redirect", b"b"))
    assert symlink.target == "/a/f"


def test_links_are_named_relative_to_their_case() -> None:
    linked, foreign = Node("file", link="c01/a/f"), Node("file", link="c00/x")
    tree = {
        "": Node("directory"),
        "c01": Node("directory"),
        "c01/a/f": linked,
        "c01/g": foreign,
        "other": linked,
    }
    assert packing.split(tree, 2) == [{}, {"a/f": linked._replace(link="a/f"), "g": foreign}]
    assert packing.unpack_tree(tree, 1) == packing.split(tree, 2)[1]


def test_more_than_a_hundred_cases_can_be_told_apart() -> None:
    case = one_layer(FILE)
    trees = packing.split(view(packing.pack([case] * 120)), 120)
    assert trees == [without_root(view(case))] * 120


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (one_layer(Entry("./", "directory")), "./ is about the layer root"),
        (one_layer(Entry(OPAQUE_MARKER, "opaque")), ".wh..wh..opq is about the layer root"),
        (one_layer(Entry("../x", "file")), "../x has a .. component"),
        (one_layer(FILE, FILE), "a/f has two entries"),
        (Case((), program=(Operation("chmod"),)), "it has a program"),
    ],
)
def test_some_cases_can_not_be_packed(case: Case, why: str) -> None:
    assert why in packing.obstacle(case)
    assert not packing.packable(case)
    with pytest.raises(PackingError, match="case 0 can not be packed: "):
        packing.pack([case])


def test_a_whiteout_in_the_root_can_be_packed() -> None:
    assert packing.packable(one_layer(Entry(".wh.a", "whiteout"), FILE))


def test_setups_must_agree() -> None:
    with pytest.raises(PackingError, match="case 1 has another setup than case 0"):
        packing.pack([one_layer(FILE), Case((), Setup("user"))])
    with pytest.raises(PackingError, match="no case"):
        packing.pack([])
