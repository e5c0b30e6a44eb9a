"""Races: what the judges make of records that are made by hand, and the serial orders by brute force."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import groupby

import pytest

from dirmeta.judge.coverage import Coverage
from dirmeta.judge.results import unmet
from dirmeta.model import overlayfs, rehearsal
from dirmeta.model.mounted import How, Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Case, Operation
from dirmeta.model.tree import Node, Tree
from dirmeta.rules import racing
from dirmeta.rules.findings import Finding
from dirmeta.rules.racing import Metadata, RaceSeen, RacesSeen
from dirmeta.rules.registry import CHECKS, Terms, Trial

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

BEFORE, BETWEEN, AFTER = (0o700, 7, 8), (0o711, 7, 8), (0o711, 9, 8)
MIXED = (0o700, 9, 8)
"""The mode from before with the owner from after."""


def answered(state: State, operation: Operation) -> tuple[int, State]:
    expected = rehearsal.expected(state, operation)
    number = expected.number or 0
    upper = state.mounted.upper if number else expected.upper
    return number, rehearsal.called(state, operation, upper, number == 0)


def view_after(*operations: Operation) -> Tree:
    state = State(START)
    for operation in operations:
        _, state = answered(state, operation)
    return state.mounted.view.tree


def record(view: Tree, *looks: Metadata, answers: Sequence[int] = (0, 0)) -> RacesSeen:
    """One process that does a chmod and then a chown, and what another sees of the directory."""
    race = RaceSeen((tuple(answers),), {"d": frozenset(looks)}, view)
    return RacesSeen(START, ((CHMOD, CHOWN),), (race,))


def found(seen: RacesSeen) -> list[Finding]:
    trial = Trial(Case(), seen, Terms(delegate=True))
    return [*racing.comes_to_a_serial_order(trial), *racing.is_never_torn(trial)]


def test_what_a_serial_order_comes_to_is_found_in_order() -> None:
    assert not found(record(view_after(CHMOD, CHOWN), BEFORE, BETWEEN, AFTER))


def test_a_mode_and_an_owner_of_different_moments_are_torn() -> None:
    [finding] = found(record(view_after(CHMOD, CHOWN), BEFORE, MIXED, AFTER))
    assert finding.rule == "MERGE-TOGETHER" and finding.where == "d"
    assert finding.saw == "0700 9:8 meanwhile"


@pytest.mark.parametrize("look", [(0o755, 7, 8), (0o700, 1, 1), (0o700, 7, 1), (0o755, 1, 1)])
def test_anything_of_the_placeholder_is_torn(look: Metadata) -> None:
    assert [each.rule for each in found(record(view_after(CHMOD, CHOWN), look))] == ["MERGE-TOGETHER"]


def test_both_orders_of_two_processes_may_be_seen() -> None:
    view = view_after(CHMOD, CHOWN)
    race = RaceSeen(((0,), (0,)), {"d": frozenset((BEFORE, BETWEEN, MIXED, AFTER))}, view)
    assert not found(RacesSeen(START, ((CHMOD,), (CHOWN,)), (race,)))


@pytest.mark.parametrize("last", [CHMOD, CHMOD_BACK])
def test_either_of_two_may_have_been_the_last(last: Operation) -> None:
    race = RaceSeen(((0,), (0,)), {}, view_after(last))
    assert not found(RacesSeen(START, ((CHMOD,), (CHMOD_BACK,)), (race,)))


def test_what_only_orders_with_other_answers_have_is_torn() -> None:
    """Who chmods after his mkdir has failed does so after the chown."""
    actors = ((CHOWN, CREATE), (CHMOD, MKDIR))
    race = RaceSeen(
        ((0, 0), (0, EEXIST)), {"d": frozenset((BEFORE, BETWEEN, MIXED))}, view_after(CHMOD, CHOWN, CREATE)
    )
    assert not found(RacesSeen(START, actors, (race,)))
    actors = ((CHOWN, CREATE), (MKDIR, CHMOD))
    race = race._replace(answers=((0, 0), (EEXIST, 0)), looks={"d": frozenset((BEFORE, BETWEEN))})
    assert [each.saw for each in found(RacesSeen(START, actors, (race,)))] == ["0711 7:8 meanwhile"]


@pytest.mark.parametrize("wrong", [{"mode": 0o700}, {"uid": 7}, {"gid": 1}, {"xattrs": (("user.a", b""),)}])
def test_an_end_that_no_order_has_is_found(wrong: dict[str, object]) -> None:
    view = view_after(CHMOD, CHOWN)
    view = {**view, "d": view["d"]._replace(**wrong)}  # type: ignore[arg-type]
    [finding] = found(record(view, AFTER))
    assert (finding.rule, finding.where) == ("COPYUP-PRESERVE", "d")


def in_two(second: Operation, lasting: str) -> list[Finding]:
    """What is made of a changed mtime at a path, after "d/e" and `second` by different processes."""
    below = {"d/e": Node("directory"), "d/f": Node("directory")}
    start = Mounted(({**LOWERS[0], **below}, LOWERS[1]), {"": ROOT}, START.how)
    first = Operation("chmod", (("path", "d/e"), ("mode", 0o711)))
    state = State(start)
    for operation in (first, second):
        _, state = answered(state, operation)
    view = state.mounted.view.tree
    view = {**view, lasting: view[lasting]._replace(mtime=1)}
    return found(RacesSeen(start, ((first,), (second,)), (RaceSeen(((0,), (0,)), {}, view),)))


@pytest.mark.parametrize(
    ("second", "path", "forgiven"),
    [
        (Operation("chmod", (("path", "d/f"), ("mode", 0o711))), "d", True),
        (Operation("chmod", (("path", "d/f"), ("mode", 0o711))), "", False),
        (Operation("chmod", (("path", "d/f"), ("mode", 0o711))), "d/f", False),
        (Operation("utimens", (("path", "d"), ("mtime", 5))), "d", True),
        (CHMOD, "d", False),
    ],
)
def test_only_two_that_put_a_time_back_may_change_it(second: Operation, path: str, forgiven: bool) -> None:
    assert [each.where for each in in_two(second, path)] == ([] if forgiven else [path or "."])


def test_a_name_that_is_lost_is_found() -> None:
    view = view_after(MKDIR, CHMOD)
    race = RaceSeen(((0,), (0,)), {}, {path: node for path, node in view.items() if path != "d/new"})
    [finding] = found(RacesSeen(START, ((MKDIR,), (CHMOD,)), (race,)))
    assert (finding.rule, finding.where) == ("COPYUP-PRESERVE", "d/new")


@pytest.mark.parametrize(
    ("answers", "orders"), [((0, EEXIST), 1), ((EEXIST, 0), 1), ((0, 0), 0), ((EEXIST, EEXIST), 0)]
)
def test_of_two_that_make_one_name_one_has_to_fail(answers: tuple[int, int], orders: int) -> None:
    view = view_after(CREATE if answers[0] else MKDIR)
    race = RaceSeen(((answers[0],), (answers[1],)), {}, view)
    findings = found(RacesSeen(START, ((MKDIR,), (CREATE,)), (race,)))
    assert [each.where for each in findings] == ([] if orders else ["the answers"])


@pytest.mark.parametrize(("looks", "met"), [((AFTER,), 0), ((BEFORE, AFTER), 1)])
def test_it_counts_whether_anybody_looked_meanwhile(looks: tuple[Metadata, ...], met: int) -> None:
    check = CHECKS["MERGE-TOGETHER", RacesSeen]
    coverage = Coverage([check], planned=1)
    coverage.add(Case(), record(view_after(CHMOD, CHOWN), *looks), refused=False)
    seen = {"seen while it changes": coverage.of(check)["seen while it changes"]}
    assert seen == {"seen while it changes": (met, 0.3)}
    assert unmet(seen, 1) == ("" if met else "'seen while it changes' in 0 of 1 cases; 30% are needed")


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
    serial = racing.serial(START, actors, answers)
    ends, met = by_brute_force(actors, answers)
    assert ends and distinct(serial.ends) == distinct(ends)
    assert serial.met["d"] == met
