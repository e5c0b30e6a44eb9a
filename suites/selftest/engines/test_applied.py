"""Layers that GNU tar applies one over another: what it does is what the model of `sequential` says."""

import os
from collections.abc import Iterator

import pytest

from dirmeta.generate import strategies
from dirmeta.generate.packing import joined
from dirmeta.generate.parity import agreeing, plainer
from dirmeta.judge import engines
from dirmeta.judge.draw import feed
from dirmeta.judge.parity import here
from dirmeta.labs import disks
from dirmeta.labs.snapshots import btrfs
from dirmeta.model import flat
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.semantics import Policies
from dirmeta.model.stack import Case, Layer, Stack
from dirmeta.model.tree import Node, Tree
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.subjects import SubjectError, subject
from dirmeta.subjects.engines.applied import Applied
from dirmeta.subjects.engines.world import World

from ..worlds import skip_without

S = 10**9
MADE = Policies(placeholder_mtime="12345")
"""What no entry describes is told by its time."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        with World(Applied(subject("tar"))) as opened:
            yield opened
    except SubjectError as why:
        skip_without(why)


def applied(world: World, *layers: tuple[Entry, ...]) -> Tree:
    made = world.compose(tuple(map(Layer, layers)))
    assert made.tree is not None, made.refused
    return made.tree


def directory(path: str, mode: int = 0o755, mtime: int = S) -> Entry:
    return Entry(f"{path}/", "directory", mode, mtime=mtime)


def test_no_entry_leaves_a_directory_as_it_was(world: World) -> None:
    tree = applied(world, (directory("a", 0o1777), directory("a/b", 0o700)), (Entry("a/b/f", "file"),))
    assert (tree["a"], tree["a/b"]) == (Node("directory", 0o1777, mtime=S), Node("directory", 0o700, mtime=S))


def test_an_entry_replaces_what_a_directory_was(world: World) -> None:
    tree = applied(world, (directory("a", 0o1777),), (directory("a", 0o711, 2 * S), Entry("a/f", "file")))
    assert tree["a"] == Node("directory", 0o711, mtime=2 * S)


def test_what_hides_leaves_the_time_of_its_directory(world: World) -> None:
    below = (directory("a"), Entry("a/f", "file"), directory("b"), Entry("b/g", "file"))
    tree = applied(world, below, (Entry("a/.wh.f", "whiteout"), Entry("b/.wh..wh..opq", "opaque")))
    assert tree.keys() == {"", "a", "b"}
    assert (tree["a"].mtime, tree["b"].mtime) == (S, S)


def test_what_comes_in_a_place_takes_it(world: World) -> None:
    tree = applied(world, (Entry("a/f", "file"), Entry("b", "file")), (Entry("a", "file"), directory("b")))
    assert (tree["a"].kind, tree["b"].kind) == ("file", "directory")


def test_a_setgid_parent_lends_an_entry_nothing(world: World) -> None:
    tree = applied(world, (directory("a", 0o2770),), (directory("a/b", 0o000),))
    assert tree["a/b"].mode == 0


def test_what_a_link_leads_out_to_is_left_alone(world: World) -> None:
    tree = applied(
        world, (Entry("a", "symlink", 0o777, target="/etc"),), (Entry("a/.wh.passwd", "whiteout"),)
    )
    assert tree["a"].target == "/etc"
    assert os.path.exists("/etc/passwd")


def test_layers_that_go_below_a_file_are_refused(world: World) -> None:
    made = world.compose((Layer((Entry("a", "file"),)), Layer((Entry("a/f", "file"),))))
    assert made.tree is None
    assert "Not a directory" in made.refused


def test_tar_and_the_model_of_sequential_say_the_same(world: World) -> None:
    drawn: list[tuple[Case, ...]] = []
    feed(strategies.batches(here(Limits()), count=16), 2, 11, drawn.append)
    compared = 0
    for batch in drawn:
        stack: Stack = plainer(joined([agreeing(case) for case in batch]).stack)
        tree = world.compose(stack).tree
        model = flat.predict(Case(stack), "sequential", "keep", MADE)
        assert tree is not None
        assert model is not None
        given = {
            path: node for path, node in model.items() if node.kind == "directory" and node.mtime != 12345 * S
        }
        assert {path: tree.get(path) for path in given} == given
        compared += len(given)
    assert compared > 30


@pytest.mark.skipif(os.geteuid() != 0 or in_user_namespace(), reason="a loop device takes root")
def test_snapshots_are_what_one_directory_is() -> None:
    layers = (Layer((directory("a", 0o1777),)), Layer((Entry("a/f", "file"),)))
    if "btrfs" not in disks.available():
        pytest.skip("there is no btrfs here, or nothing that makes it")
    with World(btrfs(subject("tar"))) as world:
        tree = world.compose(layers).tree
    assert tree is not None
    assert tree["a"] == Node("directory", 0o1777, mtime=S)
    assert tree.keys() == {"", "a", "a/f"}


def test_an_engine_that_is_not_there_is_told() -> None:
    assert engines.lacking("sequential:nosuch").startswith("nosuch: there is no such subject")
