"""What an engine deviates in and no expectation covers yet, each thing by the smallest case that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from dirmeta.generate.reduce import candidates
from dirmeta.judge import versions
from dirmeta.judge.answers import Held
from dirmeta.judge.asking import Answers
from dirmeta.judge.composing import composed
from dirmeta.judge.corpus import Named, unaskable
from dirmeta.judge.expectations import Expectation
from dirmeta.judge.expecting_engines import all_kinds
from dirmeta.judge.kinds import kinds
from dirmeta.model.stack import Case
from dirmeta.rules.findings import Finding
from dirmeta.subjects.engines.base import Composed, Engine
from dirmeta.subjects.engines.world import World

AT_ONCE: Final = 16
"""Simpler cases that are asked for in one image; most of what is tried of an image that is refused is too."""


def learned(engine: Engine, found: Answers, world: World) -> Iterator[Expectation]:
    """An entry, without a reason, for each deviation that is not expected. Raises EngineError."""
    known, held = found.known.expected, found.held
    _, _, options = engine.name.partition(",")
    only_this = versions.exactly(engine.version)  # it may have come or go with any other
    for named in (*found.cases, *found.probes):
        for finding in held.findings(named, found.seen[named.name]):
            if not known.explains(finding, named.case):
                case, seen = _smallest(named, finding, found, world)
                broken = _broken(finding.rule, replace(named, case=case), seen, held)
                known.add(held.witness(broken[0], case), all_kinds(broken, case))
                yield Expectation(finding.rule, "", "", only_this, options, case)


def _smallest(named: Named, finding: Finding, found: Answers, world: World) -> tuple[Case, Composed]:
    """The simplest case found by which the finding would be explained, and what came of it."""
    case, seen = named.case, found.seen[named.name]
    wanted = kinds(finding, case)

    def explains(simpler: Case, made: Composed) -> bool:
        shown = all_kinds(_broken(finding.rule, replace(named, case=simpler), made, found.held), simpler)
        return all(any(each.covers(other) for each in shown) for other in wanted)

    while simpler := next((pair for pair in _simpler(case, world) if explains(*pair)), None):
        case, seen = simpler
    return case, seen


def _simpler(case: Case, world: World) -> Iterator[tuple[Case, Composed]]:
    """Cases that are simpler by one step, and what the engine makes of them."""
    tries = (each for each in candidates(case) if not unaskable(each))
    while several := tuple(islice(tries, AT_ONCE)):
        named = [Named(str(number), "", "", each) for number, each in enumerate(several)]
        seen = composed(world, named)
        yield from ((each.case, seen[each.name]) for each in named)


def _broken(rule: str, named: Named, seen: Composed, held: Held) -> list[Finding]:
    return [each for each in held.findings(named, seen) if each.rule == rule]
