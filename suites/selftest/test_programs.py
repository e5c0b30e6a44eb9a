"""Programs as data: what is wrong with one, its two forms, what is drawn, and what the reducer tries."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dirmeta.generate import programs
from dirmeta.generate.reduce import candidates
from dirmeta.judge.draw import feed, one_by_one
from dirmeta.judge.experiments import Conditions, observe
from dirmeta.judge.families import families
from dirmeta.judge.programs import how, operated
from dirmeta.labs.model import ModelLab
from dirmeta.model import acl, codec, listing, program
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.listing_parser import parse
from dirmeta.model.mounted import drawn_for
from dirmeta.model.rehearsal import begun, rehearsed
from dirmeta.model.stack import Case, Credentials, Layer, Operation
from dirmeta.rules.operated import ProgramSeen

EVERYTHING = Limits(caches=True)
ROOT_ALONE = Limits(namespaces=("user",), ids=(0,), devices=False, trusted=False)
TWO_IDS = ROOT_ALONE._replace(ids=(0, 1))
MAPPED = {"everything": EVERYTHING, "one id": ROOT_ALONE, "two ids": TWO_IDS}

VALUES: dict[str, str | int] = {
    "path": "a b/\udce9", "to": "c", "mode": 0o7755, "content": "x\ny", "bits": 7, "target": "../f", "uid": 7,
    "gid": 8, "mtime": -1, "name": "user.a=b", "value": "#", "acl": "u::rwx,g::r-x,o::---", "slot": 1,
    "flags": "exchange", "type": "default", "feature": "off", "access": "ro",
}  # fmt: skip
SOMEBODY = Credentials(7, 8, (9, 10), ("chown", "fowner"))


def operation(op: str, by: Credentials | None = None, **args: str | int) -> Operation:
    return Operation(op, tuple(args.items()), by or Credentials())


def whole(op: str) -> Operation:
    """An operation with all arguments that it takes, by somebody where it has a doer."""
    kind = program.OPERATIONS[op]
    args = tuple((name, VALUES[name]) for name, _ in (*kind.arguments, *kind.optional))
    return Operation(op, args, SOMEBODY if kind.call else Credentials())


def least(op: str) -> Operation:
    args = tuple((name, VALUES[name]) for name, _ in program.OPERATIONS[op].arguments)
    return Operation(op, args)


@pytest.mark.parametrize("op", program.OPERATIONS)
@pytest.mark.parametrize("made", [whole, least])
def test_both_forms_keep_every_operation(op: str, made: Callable[[str], Operation]) -> None:
    case = Case(program=(made(op), made(op)))
    assert program.wrong(case.program[0]) == ""
    assert codec.from_json(codec.to_json(case)) == case
    assert parse(listing.render(case)) == case


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (operation("mount"), "there is no operation 'mount'; there are create, write,"),
        (operation("rm\x1b"), "there is no operation"),
        (operation("chmod", path="a"), "chmod takes path mode; mode is missing"),
        (operation("chown", path="a", mode=1), "chown takes path [uid] [gid], not mode"),
        (operation("swap", path="a"), "swap takes no arguments, not path"),
        (operation("chmod", path="a", mode="0755"), "mode is a number, not '0755'"),
        (operation("create", path=7, mode=0), "path is text, not 7"),
        (operation("mkdir", path="a", mode=0o10000), "mode 10000 has more than twelve bits"),
        (operation("chown", path="a", uid=-1), "uid -1 is not from 0 to"),
        (operation("hold", path="a", slot=-2), "slot -2 is not from 0 to"),
        (operation("unlink", path="/a"), "path '/a' is not a clean path like a/b"),
        (operation("unlink", path="a//b/"), "is not a clean path"),
        (operation("access", path="a", bits=8), "bits 8 is not from 0 to 7"),
        (operation("unlink", path="a\0b"), "holds a NUL"),
        (operation("symlink", path="a", target=""), "target is empty"),
        (operation("unlink", path="x" * 256), "has a name over 255 bytes in it"),
        (operation("link", path="a", to="../b"), "to '../b' leads out of the mount"),
        (operation("rename", path="a", to="b", flags="whiteout"), "flags is noreplace or exchange"),
        (
            operation("setacl", path="a", acl="u::rwx,g::---,o::---", type="no"),
            "type is access or default, not 'no'",
        ),
        (operation("setacl", path="a", acl="u:7"), "'u:7' is not an ACL line"),
        (operation("remount", feature="yes"), "feature is on or off"),
        (operation("remount", access="none"), "access is ro or rw"),
        (operation("remount", SOMEBODY), "remount is done by the mounter; it takes no credentials"),
        (Operation("read", (("path", "a"), ("path", "a"))), "an argument is given twice"),
    ],
)
def test_what_is_wrong_with_an_operation(wrong: Operation, said: str) -> None:
    assert said in program.wrong(wrong)
    assert "\n" not in program.wrong(wrong)
    assert program.wrong(wrong).isprintable()


def ids(case: Case) -> set[int]:
    """All user and group ids that a case's program names."""
    found: set[int] = set()
    for each in case.program:
        given = program.arguments(each)
        found |= {each.by.uid, each.by.gid, *each.by.groups}
        found |= {int(given[name]) for name in ("uid", "gid") if name in given}
        if "acl" in given:
            found |= {line.ident for line in acl.unpack(acl.parse(str(given["acl"]))) if line.ident >= 0}
    return found


def drawn(limits: Limits, count: int, *, mounter: int = 3, reused: bool = False) -> list[Case]:
    found: list[Case] = []
    strategy = one_by_one(lambda limits: programs.cases(limits, mounter=mounter, reused=reused))(limits, 1)
    feed(strategy, count, 1, found.extend)
    return found


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("reused", [False, True])
def test_drawn_programs_are_such_as_can_be_done(name: str, reused: bool) -> None:
    limits = MAPPED[name]
    cases = drawn(limits, 60, reused=reused)
    assert [case.malformed for case in cases if case.malformed] == []
    assert [program.wrong(each) for case in cases for each in case.program if program.wrong(each)] == []
    assert max(len(case.program) for case in cases) <= programs.OPERATIONS
    if limits.ids is not None:
        assert set().union(*map(ids, cases)) == set(limits.ids)


def test_every_operation_is_drawn() -> None:
    cases = drawn(EVERYTHING, 120)
    assert {each.op for case in cases for each in case.program} == set(program.OPERATIONS)


def happenings(case: Case, limits: Limits = EVERYTHING) -> frozenset[str]:
    """What happens on a mount that is as it has to be."""
    conditions = Conditions(feature=limits.switches, delegate=limits.delegate)
    seen: ProgramSeen = observe(operated, case, conditions, ModelLab(delegate=limits.delegate))
    return seen.sights


STOCK = EVERYTHING._replace(delegate=False, switches=False)


def test_what_is_drawn_is_mounted_as_it_was_drawn_for() -> None:
    conditions = Conditions(delegate=False, initial=False, escapes=False)
    limits = STOCK._replace(trusted=False, escapes=False, namespaces=("user",))
    for case in drawn(limits, 20):
        drawn_as, done_as = drawn_for(case.setup, limits), how(case, conditions)
        assert drawn_as.options <= done_as.options
        assert replace(drawn_as, options=done_as.options) == done_as


@pytest.mark.parametrize("limits", [EVERYTHING, STOCK])
def test_what_is_drawn_to_be_changed_is_there_to_whom_it_is_drawn_for(limits: Limits) -> None:
    """On a kernel that does not heed marks other names and other permissions decide what was done before."""
    met = [
        state.mounted.shows(program.path(operation))
        for case in drawn(limits, 60)
        for operation, (state, _) in zip(
            case.program, rehearsed(case, drawn_for(case.setup, limits)), strict=True
        )
        if operation.op == "chmod"
    ]
    assert len(met) > 60
    assert {node.kind if node is not None else "nothing" for node in met} == {"directory"}


@pytest.mark.parametrize("escapes", [True, False])
def test_the_mounts_own_xattrs_are_escaped_or_refused(escapes: bool) -> None:
    limits = STOCK._replace(escapes=escapes)
    answers = {
        expected.number or 0
        for case in drawn(limits, 200)
        for operation, (_, expected) in zip(
            case.program, rehearsed(case, drawn_for(case.setup, limits)), strict=True
        )
        if operation.op == "setxattr" and expected is not None and "own xattr" in expected.notes
    }
    assert answers == {0 if escapes else errno.EOPNOTSUPP}


def test_a_kernel_that_can_not_be_switched_is_not() -> None:
    cases = drawn(STOCK, 120)
    assert not [each for case in cases for each in case.program if "feature" in program.arguments(each)]


def test_marks_matter_as_often_to_a_kernel_that_does_not_heed_them() -> None:
    cases = drawn(STOCK, 60)
    met = [happenings(case, STOCK) for case in cases]
    for happening in ("delegated ACCESS-DAC", "delegated copied up", "delegated changed"):
        assert sum(happening in each for each in met) > len(cases) / 5
    assert not set().union(*met) & {"switched", "switched back", "widened by the placeholder"}


def test_setups_are_drawn_that_programs_run_on() -> None:
    limits = EVERYTHING._replace(backings=("tmpfs", "xfs"))
    setups = [case.setup for case in drawn(limits, 60)]
    assert {setup.backing for setup in setups} == {"tmpfs", "xfs"}
    assert {setup.nested for setup in setups} == {True, False}
    assert {option for setup in setups for option, _ in setup.options} >= {
        "redirect_dir",
        "index",
        "volatile",
    }


@pytest.mark.parametrize("reused", [False, True])
def test_the_root_is_changed_like_any_other_directory(reused: bool) -> None:
    cases = drawn(EVERYTHING, 120, reused=reused)
    done = {each.op for case in cases for each in case.program if ("path", "") in each.args}
    assert done >= {
        "chmod",
        "chown",
        "utimens",
        "setxattr",
        "removexattr",
        "setacl",
        "hold",
        "access",
        "read",
    }
    marked = sum(
        begun(case, drawn_for(case.setup, EVERYTHING)).mounted.by_marks("") is not None for case in cases
    )
    assert marked > len(cases) / 4 if reused else marked == 0


@pytest.mark.parametrize(("backing", "lacks"), [("tmpfs", False), ("ext4", True)])
def test_what_can_not_be_filled_is_said(backing: str, lacks: bool) -> None:
    limits = EVERYTHING._replace(backings=(backing,))
    assert bool(families()["copyup/test_copyup::full"].lacks(limits)) is lacks


def test_nothing_is_nested_where_that_has_no_acls() -> None:
    cases = drawn(EVERYTHING._replace(nested_acls=False), 60)
    assert {case.setup.nested for case in cases} == {False}


def test_people_lack_one_capability_or_several() -> None:
    lacking = {each.by.drop for case in drawn(EVERYTHING, 120) for each in case.program}
    assert {len(drop) for drop in lacking} >= {0, 1, 2, 5}


@pytest.mark.parametrize(
    "happening", ["delegated recreated", "switched back", "read-only", "swapped", "delegated inherits an ACL"]
)
def test_rare_things_happen(happening: str) -> None:
    cases = drawn(EVERYTHING, 120)
    assert sum(happening in happenings(case) for case in cases) >= 2


def test_half_of_what_is_drawn_can_be_done() -> None:
    cases = drawn(EVERYTHING, 60, mounter=6)
    assert sum("copied up" in happenings(case) for case in cases) > len(cases) / 2


@settings(
    max_examples=20,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(programs.cases(EVERYTHING, mounter=3))
def test_simpler_programs_are_still_such_as_can_be_done(case: Case) -> None:
    for simpler in islice(candidates(case), 400):
        assert [program.wrong(each) for each in simpler.program if program.wrong(each)] == []
    assert all(len(simpler.program) <= len(case.program) for simpler in islice(candidates(case), 400))


def test_a_rename_goes_and_what_follows_is_done_under_the_old_name() -> None:
    case = Case(
        program=(
            operation("rename", path="a", to="b/c"),
            operation("chmod", path="b/c/d", mode=0o700),
            operation("link", path="b", to="b/cc"),
        )
    )
    wanted = (
        operation("chmod", path="a/d", mode=0o700),
        operation("link", path="b", to="b/cc"),
    )
    assert replace(case, program=wanted) in set(candidates(case))


def test_an_operation_gets_a_simpler_doer_and_fewer_arguments() -> None:
    case = Case(program=(operation("chown", SOMEBODY, path="a", uid=7, gid=8),))
    simpler = {each.program[0] for each in candidates(case) if each.program}
    assert operation("chown", path="a", uid=7, gid=8) in simpler
    assert operation("chown", replace(SOMEBODY, groups=()), path="a", uid=7, gid=8) in simpler
    assert operation("chown", SOMEBODY, path="a", uid=7) in simpler


def test_what_was_done_to_a_directory_is_done_to_a_new_one() -> None:
    case = Case(
        (Layer((Entry("a/b/", "directory"),)),),
        program=(operation("rmdir", path="a/b"), operation("mkdir", path="a/b", mode=0o700)),
    )
    wanted = (operation("rmdir", path="new"), operation("mkdir", path="new", mode=0o700))
    assert replace(case, program=wanted) in set(candidates(case))
    taken = replace(case, stack=(*case.stack, Layer((Entry("new/f", "file"),))))
    assert replace(taken, program=wanted) not in set(candidates(taken))
