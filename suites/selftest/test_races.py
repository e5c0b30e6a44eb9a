"""Races: what the judges make of records that are made by hand, and the serial orders by brute force."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from dirmeta.judge.coverage import Coverage
from dirmeta.judge.results import unmet
from dirmeta.model import overlayfs, rehearsal
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import How, Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Case, Operation
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.findings import Finding
from dirmeta.rules.racing import TORN, RaceSeen, RacesSeen
from dirmeta.rules.registry import CHECKS, Terms, Trial
from dirmeta.rules.serial import Metadata, serial

ROOT = Node("directory")
MARK = ((overlayfs.mark_name("trusted"), b"y"),)
LOWERS: tuple[Tree, ...] = (
    {"": ROOT, "d": Node("directory", 0o700, 7, 8)},
    {"": ROOT, "d": Node("directory", 0o755, 1, 1, xattrs=MARK)},
)
START = Mounted(LOWERS, {"": ROOT}, How(delegate=True))
CHMOD = Operation("chmod", (("path", "d"), ("mode", 0o711)))
CHMOD_BACK = Operation("chmod", (("path", "d"), ("mode", 0o700)))
CHOWN = Operation("chown", (("path", "d"), ("uid", 9)))
MKDIR = Operation("mkdir", (("path", "d/new"), ("mode", 0o755)))
RMDIR = Operation("rmdir", (("path", "d/new"),))
CREATE = Operation("create", (("path", "d/new"), ("mode", 0o644)))
UNLINK = Operation("unlink", (("path", "d/new"),))
EEXIST = 17

JUDGES = [check.judge for (_, record), check in CHECKS.items() if record is RacesSeen and check.judge]

BEFORE, BETWEEN, AFTER = (0o700, 7, 8), (0o711, 7, 8), (0o711, 9, 8)
MIXED = (0o700, 9, 8)
"""The mode from before with the owner from after."""


def answered(state: State, operation: Operation) -> tuple[int, State]:
    expected = rehearsal.expected(state, operation)
    number = expected.number or 0
    upper = state.mounted.upper if number else expected.upper
    return number, rehearsal.called(state, operation, upper, number == 0)


def after(*operations: Operation, start: Mounted = START) -> Mounted:
    state = State(start)
    for operation in operations:
        _, state = answered(state, operation)
    return state.mounted


def a_race(
    end: Mounted, looks: Iterable[Metadata] = (), answers: Sequence[Sequence[int]] = ((0, 0),)
) -> RaceSeen:
    """One that came to an end, with what was seen of the directory meanwhile."""
    return RaceSeen(tuple(map(tuple, answers)), {"d": frozenset(looks)}, end.view.tree, end.upper)


def record(race: RaceSeen) -> RacesSeen:
    """One process that does a chmod and then a chown."""
    return RacesSeen(START, ((CHMOD, CHOWN),), (race,))


def found(seen: RacesSeen) -> list[Finding]:
    trial = Trial(Case(), seen, Terms(delegate=True))
    return [finding for judge in JUDGES for finding in judge(trial)]


DONE = after(CHMOD, CHOWN)


def test_what_a_serial_order_comes_to_is_found_in_order() -> None:
    assert not found(record(a_race(DONE, (BEFORE, BETWEEN, AFTER))))


def test_a_mode_and_an_owner_of_different_moments_are_torn() -> None:
    [finding] = found(record(a_race(DONE, (BEFORE, MIXED, AFTER))))
    assert finding.rule == "MERGE-TOGETHER" and finding.where == "d"
    assert finding.saw == "0700 9:8 meanwhile"


@pytest.mark.parametrize("look", [(0o755, 7, 8), (0o700, 1, 1), (0o700, 7, 1), (0o755, 1, 1)])
def test_anything_of_the_placeholder_is_torn(look: Metadata) -> None:
    assert [each.rule for each in found(record(a_race(DONE, (look,))))] == ["MERGE-TOGETHER"]


def test_both_orders_of_two_processes_may_be_seen() -> None:
    race = a_race(DONE, (BEFORE, BETWEEN, MIXED, AFTER), ((0,), (0,)))
    assert not found(RacesSeen(START, ((CHMOD,), (CHOWN,)), (race,)))


@pytest.mark.parametrize("last", [CHMOD, CHMOD_BACK])
def test_either_of_two_may_have_been_the_last(last: Operation) -> None:
    race = a_race(after(last), answers=((0,), (0,)))
    assert not found(RacesSeen(START, ((CHMOD,), (CHMOD_BACK,)), (race,)))


def test_what_only_orders_with_other_answers_have_is_torn() -> None:
    """Who chmods after his mkdir has failed does so after the chown."""
    end = after(CHMOD, CHOWN, CREATE)
    actors = ((CHOWN, CREATE), (CHMOD, MKDIR))
    race = a_race(end, (BEFORE, BETWEEN, MIXED), ((0, 0), (0, EEXIST)))
    assert not found(RacesSeen(START, actors, (race,)))
    actors = ((CHOWN, CREATE), (MKDIR, CHMOD))
    race = a_race(end, (BEFORE, BETWEEN), ((0, 0), (EEXIST, 0)))
    assert [each.saw for each in found(RacesSeen(START, actors, (race,)))] == ["0711 7:8 meanwhile"]


WRONG: list[dict[str, Any]] = [{"mode": 0o700}, {"uid": 7}, {"gid": 1}, {"xattrs": (("user.a", b""),)}]


def with_wrong(tree: Tree, path: str, wrong: dict[str, Any]) -> Tree:
    return {**tree, path: tree[path]._replace(**wrong)}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_end_that_no_order_has_is_found(wrong: dict[str, Any]) -> None:
    race = a_race(DONE, (AFTER,))
    [finding] = found(record(race._replace(view=with_wrong(race.view, "d", wrong))))
    assert (finding.rule, finding.where) == ("COPYUP-PRESERVE", "d")


@pytest.mark.parametrize("wrong", WRONG)
def test_what_lies_in_the_upper_is_held_against_the_same_order(wrong: dict[str, Any]) -> None:
    race = a_race(DONE, (AFTER,))
    [finding] = found(record(race._replace(upper=with_wrong(race.upper, "d", wrong))))
    assert (finding.rule, finding.where) == ("COPYUP-PRESERVE", "d in the upper")


def test_the_mount_and_the_upper_may_not_be_of_different_orders() -> None:
    race = a_race(after(CHMOD), answers=((0,), (0,)))._replace(upper=after(CHMOD_BACK).upper)
    [finding] = found(RacesSeen(START, ((CHMOD,), (CHMOD_BACK,)), (race,)))
    assert finding.rule == "COPYUP-PRESERVE"


def test_a_mark_on_what_was_copied_up_is_found() -> None:
    race = a_race(DONE)
    [finding] = found(record(race._replace(upper=with_wrong(race.upper, "d", {"xattrs": MARK}))))
    assert (finding.rule, finding.where) == ("COPYUP-UNMARKED", "d in the upper")


MARKED = Mounted(LOWERS[:1], {"": ROOT, "d": LOWERS[1]["d"]}, How(delegate=True))
"""The same with the marked directory in the upper."""


def test_a_mark_that_is_not_removed_is_found() -> None:
    race = a_race(after(CHMOD, CHOWN, start=MARKED))
    assert not found(RacesSeen(MARKED, ((CHMOD, CHOWN),), (race,)))
    race = race._replace(upper=with_wrong(race.upper, "d", {"xattrs": MARK}))
    [finding] = found(RacesSeen(MARKED, ((CHMOD, CHOWN),), (race,)))
    assert (finding.rule, finding.where) == ("COPYUP-UPPERMARK", "d in the upper")


def test_metadata_that_is_torn_on_disk_is_found_though_the_mount_is_right() -> None:
    """The mark is gone, and of what shows not all is stored: an inode in memory may still know better."""
    race = a_race(after(CHMOD, CHOWN, start=MARKED))
    race = race._replace(upper=with_wrong(race.upper, "d", {"gid": 1}))
    [finding] = found(RacesSeen(MARKED, ((CHMOD, CHOWN),), (race,)))
    assert (finding.rule, finding.where) == ("COPYUP-PRESERVE", "d in the upper")


CHMOD_CHILD = Operation("chmod", (("path", "d/e"), ("mode", 0o711)))


def settled_or_not(*, settled: bool, **wrong: Any) -> list[Finding]:
    """What is made of a marked directory of the upper in which a child was copied up."""
    lowers = ({**LOWERS[0], "d/e": Node("directory")},)
    start = Mounted(lowers, MARKED.upper, MARKED.how)
    end = after(CHMOD_CHILD, start=start)
    kept = end.upper["d"] if not settled else start.view.tree["d"]
    upper = with_wrong({**end.upper, "d": kept}, "d", wrong)
    return found(RacesSeen(start, ((CHMOD_CHILD,),), (a_race(end, answers=((0,),))._replace(upper=upper),)))


def test_who_copies_up_a_child_may_settle_the_directory_or_not() -> None:
    assert not settled_or_not(settled=False)
    assert not settled_or_not(settled=True)
    assert {each.where for each in settled_or_not(settled=True, mode=0o755)} == {"d in the upper"}


CHMOD_OTHER = Operation("chmod", (("path", "d/f"), ("mode", 0o711)))
SET_TIME = Operation("utimens", (("path", "d"), ("mtime", 5)))
CLOCK = 1_800_000_000 * 10**9


def in_two(second: Operation, lasting: str, mtime: int = 0) -> list[Finding]:
    """What is made of an mtime at a path, after a chmod of "d/e" and `second` by different processes."""
    below = {"d/e": Node("directory"), "d/f": Node("directory")}
    top = {**LOWERS[1], "d": LOWERS[1]["d"]._replace(mtime=77)}
    start = Mounted(({**LOWERS[0], **below}, top), {"": ROOT}, START.how)
    end = after(CHMOD_CHILD, second, start=start)
    race = a_race(end, answers=((0,), (0,)))
    wrong = {"mtime": mtime}
    race = race._replace(
        view=with_wrong(race.view, lasting, wrong), upper=with_wrong(race.upper, lasting, wrong)
    )
    return found(RacesSeen(start, ((CHMOD_CHILD,), (second,)), (race,)))


@pytest.mark.parametrize(
    ("second", "path", "mtime"),
    [
        (CHMOD_OTHER, "d", CLOCK),  # each has seen the name that the other put in
        (SET_TIME, "d", 0),  # put back to what it was before
        (SET_TIME, "d", 5),
    ],
)
def test_a_time_that_two_may_put_back_is_forgiven(second: Operation, path: str, mtime: int) -> None:
    assert in_two(second, path, mtime) == []


@pytest.mark.parametrize(
    ("second", "path", "mtime"),
    [
        (CHMOD_OTHER, "d", 1),  # no time that it ever had
        (CHMOD_OTHER, "d", 77),  # the placeholder's
        (CHMOD_OTHER, "", CLOCK),  # one copy-up only, which both wait for
        (CHMOD_OTHER, "d/f", CLOCK),  # nothing is copied up in it
        (SET_TIME, "d", 1),
        (SET_TIME, "d", 77),
        (SET_TIME, "d", CLOCK),  # who sees the clock's has put it there, and takes it back
        (CHMOD, "d", CLOCK),  # sets no time, and copies nothing up in it
        (CHMOD_CHILD, "d", CLOCK),  # who comes second to a copy-up restores nothing
    ],
)
def test_any_other_time_is_found(second: Operation, path: str, mtime: int) -> None:
    here = path or "."
    assert [each.where for each in in_two(second, path, mtime)] == [f"{here}, {here} in the upper"]


def test_one_process_undoes_no_time_of_its_own() -> None:
    start = Mounted(({**LOWERS[0], "d/e": Node("directory")}, LOWERS[1]), {"": ROOT}, START.how)
    end = after(CHMOD_CHILD, SET_TIME, start=start)
    race = a_race(end)
    race = race._replace(view=with_wrong(race.view, "d", {"mtime": 0}))
    assert [each.where for each in found(RacesSeen(start, ((CHMOD_CHILD, SET_TIME),), (race,)))] == ["d"]


REDIRECTING = Mounted(LOWERS, {"": ROOT}, How(delegate=True, options=frozenset((("redirect_dir", "on"),))))
MOVE = Operation("rename", (("path", "d"), ("to", "moved")))
CHMOD_MOVED = Operation("chmod", (("path", "moved"), ("mode", 0o750)))
ENOENT = 2


def moved(end: Mounted, actors: tuple[tuple[Operation, ...], ...], *answers: Sequence[int]) -> list[Finding]:
    return found(RacesSeen(REDIRECTING, actors, (a_race(end, (), answers),)))


def test_a_directory_may_be_changed_where_it_has_been_moved_to() -> None:
    """Who has found "d" before it is moved can change it after it was changed again there; who is told that
    there is none has not changed it."""
    actors = ((MOVE, CHMOD_MOVED), (CHMOD,))
    for last in (
        (CHMOD, MOVE, CHMOD_MOVED),
        (MOVE, CHMOD_MOVED, replace(CHMOD_MOVED, args=(("path", "moved"), ("mode", 0o711)))),
    ):
        assert not moved(after(*last, start=REDIRECTING), actors, (0, 0), (0,))
    end = after(MOVE, CHMOD_MOVED, start=REDIRECTING)
    assert not moved(end, actors, (0, 0), (ENOENT,))
    assert moved(after(MOVE, start=REDIRECTING), actors, (0, 0), (ENOENT,))


def test_of_two_that_move_one_directory_one_has_to_fail() -> None:
    """The name that is moved is looked up under the lock of its directory."""
    actors = ((MOVE,), (Operation("rename", (("path", "d"), ("to", "elsewhere"))),))
    end = after(MOVE, start=REDIRECTING)
    assert not moved(end, actors, (0,), (ENOENT,))
    assert [each.where for each in moved(end, actors, (0,), (0,))] == ["the answers"]


def test_who_looks_while_a_directory_is_moved_may_see_what_becomes_of_it() -> None:
    actors = ((MOVE, CHMOD_MOVED), ())
    end = after(MOVE, CHMOD_MOVED, start=REDIRECTING)
    race = a_race(end, ((0o700, 7, 8), (0o750, 7, 8)), ((0, 0), ()))
    assert not found(RacesSeen(REDIRECTING, actors, (race,)))
    race = race._replace(looks={"moved": frozenset(((0o755, 7, 8),))})
    assert [each.rule for each in found(RacesSeen(REDIRECTING, actors, (race,)))] == ["MERGE-TOGETHER"]


def test_a_redirect_that_is_lost_is_found() -> None:
    race = a_race(after(MOVE, start=REDIRECTING), answers=((0,),))
    race = race._replace(upper=with_wrong(race.upper, "moved", {"xattrs": ()}))
    [finding] = found(RacesSeen(REDIRECTING, ((MOVE,),), (race,)))
    assert (finding.rule, finding.where) == ("COPYUP-PRESERVE", "moved in the upper")


@pytest.mark.parametrize("where", ["view", "upper"])
def test_a_name_that_is_lost_is_found(where: str) -> None:
    race = a_race(after(MKDIR, CHMOD), answers=((0,), (0,)))
    kept = {path: node for path, node in getattr(race, where).items() if path != "d/new"}
    race = race._replace(view=kept) if where == "view" else race._replace(upper=kept)
    [finding] = found(RacesSeen(START, ((MKDIR,), (CHMOD,)), (race,)))
    assert (finding.rule, finding.where.split()[0]) == ("COPYUP-PRESERVE", "d/new")


@pytest.mark.parametrize(
    ("answers", "orders"), [((0, EEXIST), 1), ((EEXIST, 0), 1), ((0, 0), 0), ((EEXIST, EEXIST), 0)]
)
def test_of_two_that_make_one_name_one_has_to_fail(answers: tuple[int, int], orders: int) -> None:
    race = a_race(after(CREATE if answers[0] else MKDIR), answers=((answers[0],), (answers[1],)))
    findings = found(RacesSeen(START, ((MKDIR,), (CREATE,)), (race,)))
    assert [each.where for each in findings] == ([] if orders else ["the answers"])


@pytest.mark.parametrize(("mixed", "met"), [((BEFORE, AFTER), 0), ((BEFORE, MIXED), 1)])
def test_it_counts_whether_a_reader_that_is_torn_by_design_is_caught(
    mixed: tuple[Metadata, ...], met: int
) -> None:
    check = CHECKS["MERGE-TOGETHER", RacesSeen]
    coverage = Coverage([check], planned=1)
    race = a_race(DONE)._replace(mixed={"d": frozenset(mixed)})
    coverage.add(Case(), record(race), refused=False)
    seen = {TORN: coverage.of(check)[TORN]}
    assert seen == {TORN: (met, 0.03)}
    assert unmet(seen, 1) == ("" if met else f"{TORN!r} in 0 of 1 cases; 3% are needed")


@pytest.mark.parametrize(("ids", "needed"), [(None, True), ((0, 7), True), ((0,), False)])
def test_where_there_is_one_owner_no_reader_can_be_torn(ids: tuple[int, ...] | None, needed: bool) -> None:
    check = CHECKS["MERGE-TOGETHER", RacesSeen].within(Limits(ids=ids))
    assert (TORN in check.needs) == needed


def test_a_race_that_could_not_be_run_breaks_the_rule() -> None:
    [finding] = found(RacesSeen(START, ((CHMOD,),), (), "mount: EINVAL"))
    assert finding.saw == "mount: EINVAL"


def shuffled(counts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All orders in which actors can have their turns."""
    if not any(counts):
        yield ()
    for actor, count in enumerate(counts):
        if count:
            left = [*counts[:actor], count - 1, *counts[actor + 1 :]]
            yield from ((actor, *rest) for rest in shuffled(left))


def by_brute_force(
    actors: Sequence[Sequence[Operation]], answers: Sequence[Sequence[int]]
) -> tuple[list[Tree], set[Metadata]]:
    """The ends of all orders with these answers, and what "d" was along them."""
    ends, met = [], set()
    for turns in shuffled([len(actor) for actor in actors]):
        state, done, along = State(START), [0] * len(actors), []
        for actor in (*turns, None):
            node = state.mounted.view.tree["d"]
            along.append((node.mode, node.uid, node.gid))
            if actor is None:
                ends.append(state.mounted.view.tree)
                met.update(along)
                break
            number, state = answered(state, actors[actor][done[actor]])
            if number != answers[actor][done[actor]]:
                break
            done[actor] += 1
    return ends, met


def distinct(trees: Sequence[Tree]) -> list[list[tuple[str, Node]]]:
    """Trees without a time that is any time, each once."""
    settled = [sorted((path, node._replace(mtime=None)) for path, node in tree.items()) for tree in trees]
    return [tree for tree, _ in groupby(sorted(settled, key=repr))]


@pytest.mark.parametrize("seed", range(40))
def test_serial_orders_are_those_of_brute_force(seed: int) -> None:
    dice = random.Random(seed)
    pool = (CHMOD, CHMOD_BACK, CHOWN, MKDIR, RMDIR, CREATE, UNLINK)
    actors = [[dice.choice(pool) for _ in range(dice.randint(1, 3))] for _ in range(dice.randint(1, 3))]
    order = dice.choice(list(shuffled([len(actor) for actor in actors])))
    answers: list[list[int]] = [[] for _ in actors]
    state = State(START)
    for actor in order:
        number, state = answered(state, actors[actor][len(answers[actor])])
        answers[actor].append(number)
    orders = serial(START, actors, answers)
    ends, met = by_brute_force(actors, answers)
    assert ends and distinct([end.view.tree for end in orders.ends]) == distinct(ends)
    assert orders.met["d"] == met
