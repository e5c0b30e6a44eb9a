"""What races are drawn to do."""

from __future__ import annotations

from dirmeta.generate import races
from dirmeta.judge.draw import feed, one_by_one
from dirmeta.model import program, rehearsal
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import How, Mounted
from dirmeta.model.stack import Case, Operation


def drawn(count: int) -> list[Case]:
    cases: list[Case] = []
    feed(one_by_one(races.cases)(Limits(), 1), count, 0, cases.extend)
    return list(dict.fromkeys(cases))


CASES = drawn(96)


def begun(case: Case) -> Mounted:
    how = How(True, case.setup.namespace, options=frozenset(case.setup.options))
    return rehearsal.begun(case, how).mounted


def moved(case: Case) -> list[Operation]:
    """Renames of directories that show another's metadata."""
    start = begun(case)
    return [each for each in case.program if each.op == "rename" and start.is_delegated(program.path(each))]


def share(cases: list[Case]) -> float:
    return len(cases) / len(CASES)


def test_delegated_directories_are_moved() -> None:
    moving = [case for case in CASES if moved(case)]
    assert share(moving) > 0.4
    assert share([case for case in moving if begun(case).how.redirects]) > 0.2


def test_others_operate_at_both_names_of_what_is_moved() -> None:
    """By other processes than the one that moves it."""
    both = []
    for case in CASES:
        for move in moved(case):
            others = [
                str(value)
                for number, each in enumerate(case.program)
                if number % races.ACTORS != case.program.index(move) % races.ACTORS
                for name, value in each.args
                if name == "path"
            ]
            names = [str(value) for name, value in move.args if name in ("path", "to")]
            if all(any(path == name or path.startswith(f"{name}/") for path in others) for name in names):
                both.append(case)
    assert share(both) > 0.1


def test_marked_uppers_are_raced_in() -> None:
    assert share([case for case in CASES if any(map(begun(case).is_marked_upper, begun(case).upper))]) > 0.15
