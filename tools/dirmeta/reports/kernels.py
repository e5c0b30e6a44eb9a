"""What two kernels have between them, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dirmeta.judge.comparing import Compared, Deviation
from dirmeta.reports.terminal import INDENT
from dirmeta.rules.catalogue import catalogue

VERSION = 1


def comparison_text(about: Mapping[str, str], results: Sequence[Compared], again: str, seconds: float) -> str:
    """What ran, a line a rule, each difference in full, the sum. again: the command, with {id} for a case."""
    return "\n".join(_lines(about, results, again, seconds))


def _lines(
    about: Mapping[str, str], results: Sequence[Compared], again: str, seconds: float
) -> Iterator[str]:
    for name, words in about.items():
        yield f"{name:<9} {words}"
    yield ""
    yield from map(_rule_line, results)
    for result in results:
        for each in result.deviations:
            yield ""
            yield from _deviation(result.rule, each, again)
    yield ""
    yield f"{summary(results)}    ({seconds:.1f} s)"


def _rule_line(result: Compared) -> str:
    explained = f", {result.explained} differ as the rule of each kernel has it" if result.explained else ""
    verdict = "differ" if result.differing else "alike"
    cases = result.alike + result.explained + result.differing
    rest = f"{result.differing} otherwise" if result.explained else f"{result.differing} differ"
    return f"{verdict:<11}{result.rule:<21}{cases:>6}  {result.alike} alike{explained}, {rest}"


def _deviation(rule: str, each: Deviation, again: str) -> Iterator[str]:
    yield f"DIFF  {rule}  {catalogue()[rule].title}"
    yield from (f"{INDENT}{line}".rstrip() for line in each.listing.splitlines())
    yield f"{'at':<6}{each.where}"
    yield f"{'what':<6}{each.what}    the first difference in {each.cases} case{'s' * (each.cases > 1)}"
    yield from (f"{label:<6}{words}" for label, words in each.lines)
    yield from (f"{'log':<6}{line}" for line in each.log)
    yield f"{'again':<6}{again.format(id=each.id)}"


def summary(results: Sequence[Compared]) -> str:
    """``2 rules compared: 480 and 480 cases, …``: how much is unexplained."""
    differing = sum(result.differing for result in results)
    sorts = sum(len(result.deviations) for result in results)
    if not differing:
        return "no difference that is not explained"
    return f"{differing} differences of {sorts} sort{'s' * (sorts > 1)} that nothing explains"


def exit_status(results: Sequence[Compared]) -> int:
    """1 where something differs that no rule explains, else 0."""
    return int(any(result.differing for result in results))


def comparison_json(about: Mapping[str, str], results: Sequence[Compared], seconds: float) -> str:
    """The same as JSON; ``dirmeta-comparison`` is the version of this form."""
    data: dict[str, Any] = {
        "dirmeta-comparison": VERSION,
        "about": about,
        "summary": summary(results),
        "exit": exit_status(results),
        "seconds": round(seconds, 3),
        "rules": [asdict(result) for result in results],
    }
    return json.dumps(data, indent=2, ensure_ascii=True) + "\n"
