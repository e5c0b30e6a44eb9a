"""What counts as the same deviation, and what does not."""

from __future__ import annotations

import time

import pytest

from dirmeta.judge.kinds import Kind, kinds
from dirmeta.model import listing
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node
from dirmeta.rules.findings import Difference, Finding, What

S = 10**9
NOW = time.time_ns()
CASE = listing.parse(
    "layer 1  usr/lib/ls\n         ./usr/lib/ 1755 1969-12-31 12:00:00\n         etc/ xattr user.a=1"
)


def found(what: What, want: Node | None, saw: Node | None, name: str = "", path: str = "usr/lib") -> Finding:
    return Finding("UNPACK-EXACT", path, "", "", 1, difference=Difference(path, what, want, saw, name))


def wrongs(finding: Finding, case: Case = CASE) -> set[str]:
    return {kind.wrong for kind in kinds(finding, case)}


def said(words: str) -> Finding:
    return Finding("UNPACK-PARENTS", "the layer", "unpacked", words, 1)


def directory(mode: int = 0o755, uid: int = 0, mtime: int = 0, **xattrs: bytes) -> Node:
    named = tuple((name.replace("_", "."), value) for name, value in xattrs.items())
    return Node("directory", mode, uid, 0, mtime, named)


@pytest.mark.parametrize(
    ("what", "want", "saw", "name", "wrong"),
    [
        ("mode", directory(0o755), directory(0o700), "", {"permissions"}),
        ("mode", directory(0o1755), directory(0o2755), "", {"sticky bit lost", "setgid gained"}),
        ("uid", directory(uid=7), directory(), "", {"uid: 0"}),
        ("uid", directory(uid=7), directory(uid=8), "", {"uid: another"}),
        ("mtime", directory(mtime=3 * S), directory(mtime=NOW), "", {"mtime: time of unpacking"}),
        ("mtime", directory(mtime=3 * S + 7), directory(mtime=3 * S), "", {"mtime: fraction lost"}),
        ("mtime", directory(mtime=-3 * S), directory(), "", {"mtime: the epoch"}),
        ("mtime", directory(mtime=-3 * S), directory(mtime=S), "", {"mtime: another"}),
        ("xattr", directory(user_a=b""), directory(), "user.a", {"user.*: lost"}),
        ("xattr", directory(), directory(user_a=b""), "user.a", {"user.*: gained"}),
        ("xattr", directory(user_a=b"1"), directory(user_a=b"2"), "user.a", {"user.*: another value"}),
        ("xattr", directory(), directory(user_overlay_x=b""), "user.overlay.x", {"user.overlay.*: gained"}),
        ("missing", directory(), None, "", {"a directory / nothing"}),
        ("kind", directory(), Node("symlink"), "", {"a directory / a symlink"}),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_name(
    what: What, want: Node | None, saw: Node | None, name: str, wrong: set[str]
) -> None:
    assert wrongs(found(what, want, saw, name)) == wrong


def test_the_place_is_the_path_with_what_is_above_and_below_it() -> None:
    [kind] = kinds(found("uid", directory(uid=7), directory()), CASE)
    assert {
        "late explicit entry",
        "own odd spelling",
        "own special bits",
        "own time before 1970",
    } <= kind.place
    assert "xattr" not in kind.place
    [other] = kinds(found("uid", directory(uid=7), directory(), path="etc"), CASE)
    assert "own xattr" in other.place
    assert "late explicit entry" not in other.place


def test_of_two_orders_neither_is_the_wrong_one() -> None:
    case = listing.parse("layer 1  d/f\n         ./d/\nlayer 2  ./d/\n         d/f")

    def differing(want: Node, saw: Node) -> frozenset[Kind]:
        difference = Difference("d", "mode", want, saw)
        return kinds(Finding("UNPACK-ORDER", "d", "", "", 2, difference=difference), case)

    one = differing(directory(0o1755), directory(0o755))
    assert one == differing(directory(0o755), directory(0o1755))
    assert "late explicit entry" in next(iter(one)).place


def test_a_root_called_slash_is_another_place_than_one_called_dot() -> None:
    slash, dot = (listing.parse(f"layer 1  {name} 0700") for name in ("/", "./"))
    finding = found("mode", directory(0o700), directory(), path="")
    [of_slash], [of_dot] = kinds(finding, slash), kinds(finding, dot)
    assert of_dot.covers(of_slash) and not of_slash.covers(of_dot)


def test_a_kind_covers_the_same_wrong_where_there_is_more() -> None:
    small, large = Kind("uid: 0", frozenset({"a"})), Kind("uid: 0", frozenset({"a", "b"}))
    assert small.covers(large) and small.covers(small)
    assert not large.covers(small)
    assert not small.covers(Kind("gid: 0", large.place))


def test_words_of_a_refusal_count_without_the_names_and_numbers_of_the_case() -> None:
    other = listing.parse("layer 1  abc\n         x/y -> abc")
    one = wrongs(said("exit status 1: tar: can't link 'usr/lib/ls' to etc: No such file"))
    assert one == wrongs(said("exit status 2: tar: can't link 'x/y' to abc: No such file"), other)
    assert one != wrongs(said("exit status 1: tar: can't make usr/lib/ls: No such file"))


def test_each_complaint_of_a_refusal_is_a_thing_of_its_own() -> None:
    removing, linking = "tar: removing leading '/' from names", "tar: can't link 'ls' to 'etc': No such file"
    both = wrongs(said(f"exit status 1: {removing}; {linking}"))
    assert both == wrongs(said(f"exit status 1: {linking}")) | wrongs(said(f"exit status 2: {removing}"))
    assert len(both) == 2


def test_a_name_of_two_lines_makes_no_two_complaints() -> None:
    case = listing.parse('layer 1  "a/g\\x0ah"\n         l == "a/g\\x0ah"')
    [wrong] = wrongs(said("exit status 1: tar: can't link 'l' to '/a/g; h': No such file"), case)
    assert {wrong} == wrongs(said("exit status 1: tar: can't link 'l' to '/etc': No such file"))


def placed(case: str, path: str = "d") -> Kind:
    """A mode that is wrong in a root file system."""
    difference = Difference(path, "mode", directory(), directory(0o700))
    [kind] = kinds(Finding("sequential/bump", path, "", "", difference=difference), listing.parse(case))
    return kind


def test_what_is_wrong_of_all_layers_is_placed_by_what_they_are_to_each_other() -> None:
    one = placed("layer 1  d/\n         d/f")
    several = placed("layer 1  d/\nlayer 2  d/f")
    assert "several layers" in several.place - one.place
    assert not several.covers(one)
    assert several.covers(placed("layer 1  d/\n         e/\nlayer 2  e/g\n         d/h\nlayer 3  e/i"))


def test_what_lies_elsewhere_in_other_layers_is_no_part_of_the_place() -> None:
    assert placed("layer 1  d/\nlayer 2  e/f\nlayer 3  .wh.g") == placed("layer 1  d/")
