"""The experiment of several processes at work in the same directories."""

from __future__ import annotations

from typing import Final

from dirmeta.generate.races import ACTORS
from dirmeta.judge.experiments import Conditions, Plan, as_tree, failure, layout_steps, options
from dirmeta.judge.programs import call, how
from dirmeta.model import program, rehearsal
from dirmeta.model.mounted import Mounted
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Job, Layout, Mount, Race, Raced, Step, Unmount, Walk
from dirmeta.rules.racing import RaceSeen, RacesSeen

ROUNDS: Final = 4
"""Times that a case is raced."""


def raced(case: Case, conditions: Conditions) -> Plan[RacesSeen]:
    """Lay out, mount with an upper, and let several processes do their parts of the program at once."""
    start = rehearsal.begun(case, how(case, conditions)).mounted
    actors = tuple(case.program[number::ACTORS] for number in range(ACTORS))
    lowers = tuple(f"l{number}" for number in range(len(start.lowers), 0, -1))
    watched = tuple(f"m/{path}" if path else "m" for path in sorted(_directories(case, start)))
    race = Race(tuple(tuple(map(call, actor)) for actor in actors), watched)
    steps: list[Step] = [*layout_steps(start.lowers)]
    for number in range(ROUNDS):
        upper = f"upper{number}"
        steps += (
            Layout(upper, start.upper),
            Mount("m", lowers, upper, options(case.setup, conditions)),
            race, Walk("m"), Unmount("m"), Walk(upper),
        )  # fmt: skip
    results = yield Job(tuple(steps), case.setup.backing)
    if failed := failure(results):
        return RacesSeen(start, actors, (), failed)
    raced_results = [result for result in results if isinstance(result, Raced)]
    trees = [as_tree(result) for result in results if isinstance(result, dict)]
    races = map(_seen, raced_results, trees[::2], trees[1::2])
    return RacesSeen(start, actors, tuple(races))


def _directories(case: Case, start: Mounted) -> set[str]:
    """Those that show, and where they may be renamed to."""
    shown = set(start.view.contributors)
    renames = [program.arguments(each) for each in case.program if each.op == "rename"]
    return shown | {str(each["to"]) for each in renames if each["path"] in shown}


def _seen(result: Raced, view: Tree, upper: Tree) -> RaceSeen:
    answers = tuple(tuple(outcome.errno for outcome in outcomes) for outcomes in result.outcomes)
    looks, mixed = (
        {path.partition("/")[2]: seen for path, seen in each.items()} for each in (result.looks, result.mixed)
    )
    return RaceSeen(answers, looks, view, upper, mixed)
