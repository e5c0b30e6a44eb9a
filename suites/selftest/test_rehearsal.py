"""A program followed on paper: where open directories are, what a removal uncovers, where redirects lead."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from dirmeta.model import acl, overlayfs, rehearsal
from dirmeta.model.entries import Entry
from dirmeta.model.mounted import EMPTY, How, Mounted, with_xattrs
from dirmeta.model.overlayfs import ACL_ACCESS
from dirmeta.model.rehearsal import State, moved
from dirmeta.model.stack import Case, Credentials, Layer, Operation, Setup
from dirmeta.model.tree import WHITEOUT, Node, NodeKind, Tree

ROOT = Credentials()
DIRECTORY, FILE = Node("directory"), Node("file", 0o644)
OPAQUE, REDIRECT, ORIGIN = "trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.overlay.origin"
REDIRECTING = How(True, options=frozenset({("redirect_dir", "on")}))


def operation(op: str, **args: str | int) -> Operation:
    return Operation(op, tuple(args.items()))


def rename(path: str, to: str, flags: str = "") -> Operation:
    return operation("rename", path=path, to=to, **({"flags": flags} if flags else {}))


def held(*where: str | None) -> dict[tuple[Credentials, int], str | None]:
    return {(ROOT, slot): path for slot, path in enumerate(where)}


@pytest.mark.parametrize(
    ("done", "before", "after"),
    [
        (operation("hold", path="a", slot=0), (), ("a",)),
        (operation("hold", path="b", slot=0), ("a",), ("b",)),
        (rename("a", "b/c"), ("a", "a/d", "ab", "b"), ("b/c", "b/c/d", "ab", "b")),
        (rename("a", "b"), ("b", "b/c", "a"), (None, None, "b")),
        (rename("a", "b/c", "exchange"), ("a/d", "b/c", "b/c/e", "b"), ("b/c/d", "a", "a/e", "b")),
        (rename("a", "a"), ("a", "a/b"), ("a", "a/b")),
        (rename("a", "b"), (None,), (None,)),
        (operation("rmdir", path="a"), ("a", "ab"), (None, "ab")),
        (operation("chmod", path="a", mode=0), ("a",), ("a",)),
    ],
)
def test_where_held_directories_are(
    done: Operation, before: tuple[str | None, ...], after: tuple[str | None, ...]
) -> None:
    assert moved(held(*before), done) == held(*after)


def test_each_holds_his_own() -> None:
    other = Credentials(7, 7)
    begun = moved(
        moved({}, operation("hold", path="a", slot=0)), Operation("hold", (("path", "b"), ("slot", 0)), other)
    )
    assert begun == {(ROOT, 0): "a", (other, 0): "b"}


@pytest.mark.parametrize("op", ["remount", "swap"])
def test_a_remount_leaves_nothing_held(op: str) -> None:
    state = State(Mounted((EMPTY,), EMPTY, How(True)), held=held("a"), changed=frozenset({"a"}))
    after = rehearsal.remounted(state, operation(op))
    assert (after.held, after.changed) == ({}, frozenset())


def test_dropping_caches_leaves_all_held() -> None:
    state = State(Mounted((EMPTY,), EMPTY, How(True)), held=held("a"), changed=frozenset({"a"}))
    after = rehearsal.remounted(state, operation("drop-caches"))
    assert (after.held, after.changed) == (held("a"), frozenset())


def test_a_remount_says_what_holds_from_then_on() -> None:
    state = State(Mounted(({"": DIRECTORY, "l1": FILE}, {"": DIRECTORY}), EMPTY, How(True)))
    off = rehearsal.remounted(state, operation("remount", feature="off", access="ro"))
    assert (off.mounted.how.delegate, off.read_only) == (False, True)
    again = rehearsal.remounted(off, operation("remount", access="rw"))
    assert (again.mounted.how.delegate, again.read_only) == (False, False)
    assert rehearsal.remounted(state, operation("swap")).mounted.lowers == state.mounted.lowers[::-1]


LOWER: Tree = {"": DIRECTORY, "a": DIRECTORY, "a/f": FILE, "a/d": DIRECTORY}
WITH_F: Tree = {"": DIRECTORY, "a": DIRECTORY, "a/f": FILE}
WITHOUT_F: Tree = {**WITH_F, "a/f": WHITEOUT}
OPAQUE_A: Tree = {**WITH_F, "a": Node("directory", xattrs=((OPAQUE, b"y"),))}
RENAMED: Tree = {
    "": DIRECTORY,
    "a": WHITEOUT,
    "b": Node("directory", xattrs=((REDIRECT, b"a"),)),
    "b/f": FILE,
}


@pytest.mark.parametrize(
    ("lowers", "upper", "path", "hides"),
    [
        ([LOWER], EMPTY, "a/f", True),
        ([LOWER], WITH_F, "a/f", True),
        ([LOWER], {**WITH_F, "a/new": FILE}, "a/new", False),
        ([LOWER], OPAQUE_A, "a/f", False),
        ([LOWER, WITHOUT_F], WITH_F, "a/f", False),
        ([LOWER, {"": DIRECTORY, "a": DIRECTORY}], WITH_F, "a/f", True),
        ([LOWER], RENAMED, "b/f", True),
        ([LOWER], {**RENAMED, "b/new": FILE}, "b/new", False),
    ],
)
def test_what_a_removal_uncovers(lowers: list[Tree], upper: Tree, path: str, hides: bool) -> None:
    assert Mounted(tuple(lowers), upper, How(True)).hides(path) is hides


def upper_after(lower: Tree, *program: Operation, how: How = REDIRECTING) -> Tree:
    """What a program leaves in a fresh upper; every operation has to be done."""
    state = State(Mounted((lower,), EMPTY, how))
    for each in program:
        answer = rehearsal.expected(state, each)
        assert answer.number == 0, errno.errorcode[answer.number or 0]
        state = rehearsal.called(state, each, answer.upper, True)
    return state.mounted.upper


def redirects(upper: Tree) -> dict[str, bytes]:
    found = {path: node.xattr(REDIRECT) for path, node in upper.items()}
    return {path: value for path, value in found.items() if value is not None}


NEST: Tree = {"": DIRECTORY, "a": DIRECTORY, "a/b": DIRECTORY, "a/b/c": DIRECTORY, "d": DIRECTORY}


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ([rename("a", "x")], {"x": b"a"}),
        ([rename("a", "d/x")], {"d/x": b"/a"}),
        ([rename("a/b", "a/x")], {"a/x": b"b"}),
        ([rename("a", "x"), rename("x", "y")], {"y": b"a"}),
        ([rename("a", "x"), rename("x", "d/x")], {"d/x": b"/a"}),
        ([rename("a", "d/x"), rename("d/x", "y")], {"y": b"/a"}),
        ([rename("a", "x"), rename("x/b", "d/b")], {"x": b"a", "d/b": b"/a/b"}),
        ([rename("a/b", "d/b"), rename("d/b/c", "c")], {"d/b": b"/a/b", "c": b"/a/b/c"}),
        ([rename("a", "d", "exchange")], {"d": b"a", "a": b"d"}),
        ([rename("a/b", "d", "exchange")], {"d": b"/a/b", "a/b": b"/d"}),
    ],
)
def test_where_redirects_lead(program: list[Operation], found: dict[str, bytes]) -> None:
    upper = upper_after(NEST, *program)
    assert redirects(upper) == found
    view = Mounted((NEST,), upper, REDIRECTING).view
    assert len(view.tree) == len(NEST)


def test_a_new_directory_is_moved_without_a_redirect() -> None:
    upper = upper_after(NEST, operation("mkdir", path="new", mode=0o755), rename("new", "d/new"))
    assert redirects(upper) == {}
    assert upper["d/new"].xattr(OPAQUE) == b"y"


def deep(length: int) -> tuple[Tree, str]:
    """A directory whose path has that many bytes, and what lies above it."""
    path = f"{'x' * 120}/{'y' * (length - 121)}"
    return {"": DIRECTORY, "d": DIRECTORY, "x" * 120: DIRECTORY, path: DIRECTORY}, path


def test_a_redirect_has_room_for_256_bytes() -> None:
    lower, path = deep(255)
    assert redirects(upper_after(lower, rename(path, "d/x"))) == {"d/x": f"/{path}".encode()}
    lower, path = deep(256)
    mounted = Mounted((lower,), EMPTY, REDIRECTING)
    answer = rehearsal.expected(State(mounted), rename(path, "d/x"))
    assert (answer.number, answer.upper) == (errno.EXDEV, EMPTY)
    same = rehearsal.expected(State(mounted), rename(path, f"{'x' * 120}/z"))
    assert same.number == 0


def test_without_redirects_only_what_does_not_merge_is_renamed() -> None:
    mounted = Mounted((NEST,), EMPTY, How(True))
    assert rehearsal.expected(State(mounted), rename("a", "x")).number == errno.EXDEV
    upper = upper_after(NEST, operation("mkdir", path="new", mode=0o755), rename("new", "x"), how=How(True))
    assert "x" in upper


def test_a_reused_upper_is_the_topmost_layer() -> None:
    layers = (Layer((Entry("a/", "directory"),)), Layer((Entry("b/", "directory"),)))
    case = Case(layers, Setup(layout="model", upper=True, reused=True))
    begun = rehearsal.begun(case, How(True)).mounted
    assert ("a" in begun.lowers[0], "b" in begun.upper) == (True, True)
    fresh = rehearsal.begun(replace(case, setup=Setup(layout="model", upper=True)), How(True)).mounted
    assert (len(fresh.lowers), fresh.upper) == (2, EMPTY)


def test_of_nested_layers_the_lower_is_what_an_overlay_shows() -> None:
    marked = Entry("a/f", "file")
    layers = (Layer((Entry("a/", "directory", 0o700),)), Layer((marked,)), Layer((Entry("b", "file"),)))
    case = Case(layers, Setup(layout="model", upper=True, nested=True))
    inner, top = rehearsal.begun(case, How(True)).mounted.lowers
    assert (inner["a"].mode, inner["a"].xattrs, list(top)) == (0o700, (), ["", "b"])
    assert len(rehearsal.laid(case)[0]) == 3
    off, _ = rehearsal.begun(case, How(False)).mounted.lowers
    assert off["a"].mode == 0o755


@pytest.mark.parametrize(("second", "is_nested"), [((), False), ((Entry("a/g", "file"),), True)])
def test_layers_whose_whiteouts_an_overlay_would_list_are_not_nested(
    second: tuple[Entry, ...], is_nested: bool
) -> None:
    """In a directory that merges with another it does not list them."""
    layers = (Layer((Entry("a/.wh.f", "whiteout"),)), Layer(second), Layer())
    case = Case(layers, Setup(layout="model", upper=True, nested=True))
    assert len(rehearsal.nested(case)) == (2 if is_nested else 0)
    assert len(rehearsal.begun(case, How(True)).mounted.lowers) == (2 if is_nested else 3)


@pytest.mark.parametrize(
    ("backing", "flags", "now"), [("xfs", "exchange", True), ("tmpfs", "exchange", False), ("xfs", "", False)]
)
def test_whose_time_an_exchange_sets(backing: str, flags: str, now: bool) -> None:
    how = replace(REDIRECTING, backing=backing)
    to = "d/e" if flags else "d/new"
    upper = upper_after({**NEST, "d/e": DIRECTORY}, rename("a/b", to, flags), how=how)
    assert (upper[to].mtime is None) is now


@pytest.mark.parametrize(("gid", "mode"), [(8, 0o2755), (4711, 0o755)])
def test_who_removes_an_acl_from_outside_the_group_takes_setgid_too(gid: int, mode: int) -> None:
    shared = with_xattrs(
        Node("directory", 0o2755, 7, 8), {ACL_ACCESS: acl.parse("u::rwx,u:9:r-x,g::r-x,m::r-x,o::r-x")}
    )
    removal = Operation("removexattr", (("path", "a"), ("name", ACL_ACCESS)), Credentials(7, gid))
    after = upper_after({"": DIRECTORY, "a": shared}, removal)["a"]
    assert (after.mode, after.xattr(ACL_ACCESS)) == (mode, None)


@pytest.mark.parametrize(
    ("above", "mode", "who", "is_set"),
    [
        (0o2777, 0o2775, Credentials(7, 4711), False),
        (0o2777, 0o2765, Credentials(7, 4711), True),
        (0o2777, 0o2775, Credentials(7, 8), True),
        (0o2777, 0o2775, Credentials(7, 4711, (8,)), True),
        (0o2777, 0o2775, Credentials(), True),
        (0o2777, 0o2775, Credentials(drop=("fsetid",)), False),
        (0o777, 0o2775, Credentials(7, 4711), True),
    ],
)
def test_nobody_makes_a_program_that_runs_as_a_group_that_he_is_not_in(
    above: int, mode: int, who: Credentials, is_set: bool
) -> None:
    lower = {"": DIRECTORY, "a": Node("directory", above, 1, 8)}
    made = upper_after(lower, Operation("create", (("path", "a/f"), ("mode", mode)), who))["a/f"]
    assert made.mode == (mode if is_set else mode & ~0o2000)


@pytest.mark.parametrize(
    ("mode", "gid", "copied_up", "number", "left"),
    [
        (0o2755, 8, False, errno.ENODATA, 0o2755),
        (0o2755, 8, True, 0, 0o2755),
        (0o2755, 4711, False, 0, 0o755),
        (0o2755, 4711, True, 0, 0o755),
        (0o755, 4711, False, errno.ENODATA, 0o755),
    ],
)
def test_what_removing_an_acl_comes_to_that_is_not_there(
    mode: int, gid: int, copied_up: bool, number: int, left: int
) -> None:
    lower = {"": DIRECTORY, "a": Node("directory", mode, 7, 8)}
    mounted = Mounted((lower,), lower if copied_up else EMPTY, How(True))
    removal = Operation("removexattr", (("path", "a"), ("name", ACL_ACCESS)), Credentials(7, gid))
    answer = rehearsal.expected(State(mounted), removal)
    assert answer.number == number
    assert answer.upper.get("a", lower["a"]).mode == left


@pytest.mark.parametrize(
    ("kind", "mode", "drop", "number"),
    [
        ("file", 0o4755, ("fowner",), errno.EPERM),
        ("file", 0o2755, ("fowner",), errno.EPERM),
        ("file", 0o755, ("fowner",), 0),
        ("file", 0o4755, ("dac_override",), 0),
        ("directory", 0o6755, ("fowner",), 0),
    ],
)
def test_a_file_whose_mode_changes_with_its_owner_is_for_who_may_change_both(
    kind: NodeKind, mode: int, drop: tuple[str, ...], number: int
) -> None:
    lower = {"": DIRECTORY, "a": Node(kind, mode, 7, 8)}
    change = Operation("chown", (("path", "a"), ("gid", 9)), Credentials(drop=drop))
    assert rehearsal.expected(State(Mounted((lower,), EMPTY, How(True))), change).number == number


@pytest.mark.parametrize(("xattrs", "number"), [(((ORIGIN, b""),), 0), ((), errno.ENOTEMPTY)])
def test_whiteouts_go_with_a_directory_that_was_copied_up_once(
    xattrs: tuple[tuple[str, bytes], ...], number: int
) -> None:
    upper = {**EMPTY, "a": DIRECTORY._replace(xattrs=xattrs), "a/x": WHITEOUT}
    state = State(Mounted((EMPTY,), upper, How(True)))
    assert rehearsal.expected(state, operation("rmdir", path="a")).number == number


@pytest.mark.parametrize(("backing", "says"), [("xfs", [True, True, False]), ("tmpfs", [True, False, False])])
def test_of_a_directory_that_is_not_empty_xfs_says_that_it_exists(backing: str, says: list[bool]) -> None:
    tree = {"": DIRECTORY, "d": DIRECTORY, "e": DIRECTORY, "e/f": FILE}
    state = State(Mounted((EMPTY,), tree, replace(REDIRECTING, backing=backing)))
    expected = rehearsal.expected(state, rename("d", "e"))
    assert [expected.allows(number) for number in (errno.ENOTEMPTY, errno.EEXIST, 0)] == says
    removed = rehearsal.expected(state, operation("rmdir", path="e"))
    assert [removed.allows(number) for number in (errno.ENOTEMPTY, errno.EEXIST)] == [True, False]


def test_a_marked_root_of_the_upper_may_be_settled_by_what_is_copied_up() -> None:
    marked = Node("directory", xattrs=((overlayfs.mark_name("trusted"), overlayfs.YES),))
    below = {"": Node("directory", 0o711), "a": Node("directory")}
    state = State(Mounted((below,), {"": marked}, How(True)))
    expected = rehearsal.expected(state, Operation("chmod", (("path", "a"), ("mode", 0o700))))
    assert expected.either[""].mode == 0o711 and expected.either[""].xattrs == ()
