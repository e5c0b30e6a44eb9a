"""What is excused of an operation's traces, on records that are made by hand: that much and no more."""

from __future__ import annotations

import errno

import pytest

from dirmeta.model import overlayfs, rehearsal
from dirmeta.model.mounted import EMPTY, How, Mounted, with_xattrs
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Case, Credentials, Operation
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.operated import CrampedSeen, ProgramSeen, StepSeen
from dirmeta.rules.registry import Terms, Trial
from dirmeta.rules.writing import broken

MARK = overlayfs.mark_name("trusted")
OPAQUE = "trusted.overlay.opaque"
REDIRECTING = frozenset({("redirect_dir", "on")})
NOW = 1_790_000_000 * 1_000_000_000
LOWER: Tree = {
    "": Node("directory"),
    "d": Node("directory", 0o711, 7, 8, 1, (("user.a", b"lower"),)),
    "e": Node("directory"),
    "e/d": Node("directory"),
    "f": Node("file", 0o6755, 7, 8, 1, (), b"text"),
}
OWN = Node("directory", 0o755, 0, 0, 2, ((MARK, b"y"), ("user.a", b"own")))
MARKED: Tree = {"": Node("directory"), "d": OWN}


def rules(
    start: Mounted, operation: Operation, number: int, upper: Tree, view: Tree | None = None
) -> set[str]:
    """The rules that an operation breaks which came to that; the view is what lies there if not given."""
    if view is None:
        view = Mounted(start.lowers, upper, start.how).view.tree
    seen = CrampedSeen if number in (errno.ENOSPC, errno.EXDEV) else ProgramSeen
    step = StepSeen(operation, number, view, upper, {})
    trial = Trial(Case(), seen(start, start.view.tree, (step,)), Terms(delegate=True))
    return {rule for rules, _ in broken(trial) for rule in rules}


def mounted(upper: Tree = MARKED, *, backing: str = "tmpfs") -> Mounted:
    return Mounted((LOWER,), upper, How(True, options=REDIRECTING, backing=backing))


def operation(op: str, by: Credentials | None = None, **args: str | int) -> Operation:
    return Operation(op, tuple(args.items()), by or Credentials())


EXCHANGE = operation("rename", path="d", to="e/d", flags="exchange")


def exchanged(*, settled: bool) -> Tree:
    """What an exchange leaves in the upper, where the marked directory may have been settled or not."""
    answer = rehearsal.expected(State(mounted(backing="xfs")), EXCHANGE)
    upper = {**answer.upper, **answer.either} if settled else answer.upper
    assert (upper["e/d"].xattr(MARK) is None) is settled
    return {
        path: node._replace(mtime=NOW if node.mtime is None else node.mtime) for path, node in upper.items()
    }


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("shows_settled", [False, True])
def test_what_shows_is_that_of_the_two_which_lies_there(settled: bool, shows_settled: bool) -> None:
    start, upper = mounted(backing="xfs"), exchanged(settled=settled)
    view = Mounted((LOWER,), exchanged(settled=shows_settled), start.how).view.tree
    assert (view["e/d"].mtime == NOW) is shows_settled
    assert bool(rules(start, EXCHANGE, 0, upper, view)) is (settled != shows_settled)


@pytest.mark.parametrize(
    ("left", "is_excused"),
    [
        (OWN, True),
        (OWN._replace(mode=0o711), True),
        (OWN._replace(mode=0o711, uid=7, gid=8, mtime=1), True),
        (with_xattrs(OWN, {"user.a": b"lower"}), True),
        (with_xattrs(OWN, {"user.a": None}), True),
        (with_xattrs(OWN, {"user.b": b"other"}), False),
        (with_xattrs(OWN, {OPAQUE: b"x"}), False),
        (OWN._replace(mode=0o700), False),
        (OWN._replace(uid=9), False),
        (OWN._replace(mtime=NOW), False),
    ],
)
def test_a_store_that_failed_leaves_old_and_new(left: Node, is_excused: bool) -> None:
    chmod = operation("chmod", path="d", mode=0o700)
    found = rules(mounted(), chmod, errno.ENOSPC, {**MARKED, "d": left})
    assert found == (set() if is_excused else {"COPYUP-FAIL"})


@pytest.mark.parametrize(
    ("failing", "is_excused"),
    [
        (operation("rename", Credentials(9, 9), path="d", to="e/new"), True),
        (operation("mkdir", Credentials(9, 9), path="d/new", mode=0o700), False),
    ],
)
def test_only_a_rename_that_failed_may_have_noted_something(failing: Operation, is_excused: bool) -> None:
    upper = {"": LOWER[""], "d": with_xattrs(LOWER["d"], {OPAQUE: b"y"})}
    found = rules(mounted(EMPTY), failing, errno.EACCES, upper)
    assert found == (set() if is_excused else {"COPYUP-FAIL"})


EMPTIED = LOWER["f"]._replace(content=b"", mode=0o755, mtime=NOW)


@pytest.mark.parametrize(
    ("number", "left", "is_excused"),
    [
        (errno.ENOSPC, EMPTIED, True),
        (errno.ENOSPC, EMPTIED._replace(mode=0o6755), True),
        (errno.ENOSPC, LOWER["f"], True),
        (errno.ENOSPC, EMPTIED._replace(content=b"other"), False),
        (errno.ENOSPC, EMPTIED._replace(mode=0o700), False),
        (errno.ENOSPC, EMPTIED._replace(uid=0), False),
        (errno.EACCES, EMPTIED, False),
    ],
)
def test_a_write_that_found_no_room_may_have_emptied_the_file(
    number: int, left: Node, is_excused: bool
) -> None:
    write = operation("write", Credentials(9, 9) if number == errno.EACCES else None, path="f", content="new")
    found = rules(mounted(EMPTY), write, number, {"": LOWER[""], "f": left})
    assert found == (set() if is_excused else {"COPYUP-FAIL"})


@pytest.mark.parametrize(
    ("done", "number", "options", "is_excused"),
    [
        (operation("rename", path="d", to="e/new"), errno.EXDEV, REDIRECTING, True),
        (operation("rename", path="f", to="e/new"), errno.EXDEV, frozenset(), False),
        (operation("chmod", path="d", mode=0o700), errno.ENOSPC, REDIRECTING, True),
        (operation("read", path="d"), errno.ENOSPC, REDIRECTING, False),
    ],
)
def test_who_may_find_no_room(
    done: Operation, number: int, options: frozenset[tuple[str, str]], is_excused: bool
) -> None:
    start = Mounted((LOWER,), EMPTY, How(True, options=options))
    assert bool(rules(start, done, number, EMPTY)) is not is_excused


@pytest.mark.parametrize(("name", "is_excused"), [("g", True), ("h", False)])
def test_what_may_come_of_a_file_may_show_under_its_other_names(name: str, is_excused: bool) -> None:
    tagged = Node("symlink", 0o777, xattrs=(("trusted.t", b"1"),), target="x")
    start = mounted(
        {
            "": Node("directory"),
            "s": tagged._replace(link="g"),
            "g": tagged._replace(link="g"),
            "h": tagged,
        }
    )
    removal = operation("removexattr", path="s", name="trusted.t")
    assert rehearsal.expected(State(start), removal).number is None
    upper = dict(start.upper)
    for path in ("s", name):
        upper[path] = with_xattrs(upper[path], {"trusted.t": None})
    assert bool(rules(start, removal, 0, upper)) is not is_excused
