"""What a semantics says of an engine's root file system, less what the engine declares not to keep."""

from dirmeta.judge.modelling import deviations, expected, is_of_semantics
from dirmeta.model.listing import parse
from dirmeta.model.tree import Node, Tree
from dirmeta.subjects.engines.base import Globs, Traits

CASE = parse("""
layer 1  usr/          0750 7:8 xattr user.probe="base"
         usr/old       0644
layer 2  usr/bin/foo   0755 1:1
         usr/.wh.old
""")
S = 10**9
BEGAN, ENDED = 100 * S, 200 * S


def want(traits: Traits) -> Tree:
    tree = expected(CASE, traits)
    assert tree is not None
    return tree


def found(traits: Traits, **changes: Node) -> list[tuple[str, str]]:
    tree = want(traits)
    timed = {
        path: node if node.mtime is not None else node._replace(mtime=150 * S) for path, node in tree.items()
    }
    return [(each.path, each.what) for each in deviations(tree, {**timed, **changes}, traits, BEGAN, ENDED)]


def test_owners_and_xattrs_that_are_not_kept_are_not_wanted() -> None:
    kept = want(Traits("sequential", "keep"))["usr"]
    assert (kept.uid, kept.gid, kept.xattrs) == (7, 8, (("user.probe", b"base"),))
    lost = want(Traits("sequential", "keep", owners=False, keeps=Globs(("security.*",))))["usr"]
    assert (lost.uid, lost.gid, lost.xattrs) == (0, 0, ())


def test_whiteouts_are_files_to_a_tool_that_does_not_act_on_them() -> None:
    assert "usr/old" not in want(Traits("sequential", "keep"))
    flat = want(Traits("sequential", "keep", whiteouts=False))
    assert (flat["usr/old"].kind, flat["usr/.wh.old"].kind) == ("file", "file")


def test_the_time_of_a_placeholder_is_the_one_declared() -> None:
    assert want(Traits("topmost"))["usr"].mtime is None
    assert want(Traits("topmost", placeholder_mtime="0"))["usr"].mtime == 0
    assert want(Traits("sequential", "keep"))["usr"].mtime == 0
    assert want(Traits("sequential", "bump"))["usr"].mtime is None
    assert want(Traits("topmost", placeholder_mode="0600"))["usr/bin"].mode == 0o600


def test_now_is_between_the_beginning_and_the_end() -> None:
    traits = Traits("topmost")
    usr = want(traits)["usr"]
    assert found(traits) == []
    assert found(traits, usr=usr._replace(mtime=BEGAN)) == []
    assert found(traits, usr=usr._replace(mtime=BEGAN - 1)) == [("usr", "mtime")]
    assert found(traits, usr=usr._replace(mtime=0)) == [("usr", "mtime")]


def test_notes_and_shared_files_are_not_looked_at() -> None:
    traits = Traits("sequential", "keep", links=False, notes=("user.note",))
    usr = want(traits)["usr"]
    noted = usr._replace(xattrs=(("user.note", b""), *usr.xattrs), link="elsewhere")
    assert found(traits, usr=noted) == []
    assert found(Traits("sequential", "keep"), usr=noted) == [("usr", "link"), ("usr", "xattr")]


def test_times_that_are_not_kept_are_not_looked_at() -> None:
    traits = Traits("sequential", "bump", times=False)
    usr = want(traits)["usr"]
    assert found(traits, usr=usr._replace(mtime=7 * S)) == []
    assert found(traits, usr=usr._replace(mtime=7 * S, mode=0o700)) == [("usr", "mode")]


def test_what_a_file_shows_says_nothing_of_how_layers_are_put_together() -> None:
    tree = want(Traits("sequential", "keep"))
    seen = {path: node._replace(mode=0o600) for path, node in tree.items() if path != "usr/bin"}
    told = {
        each.path: is_of_semantics(each) for each in deviations(tree, seen, Traits("strict"), BEGAN, ENDED)
    }
    assert told == {"usr": True, "usr/bin": True, "usr/bin/foo": False}


def test_strict_has_implied_directories_refused() -> None:
    assert expected(CASE, Traits("strict")) is None
