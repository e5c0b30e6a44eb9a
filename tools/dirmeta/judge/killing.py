"""Whether the rules that a broken kernel breaks notice, and how soon."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from dirmeta.judge.bench import Bench
from dirmeta.judge.families import families
from dirmeta.judge.results import Verdict
from dirmeta.judge.runner import run_shard
from dirmeta.rules.catalogue import catalogue

WORST_LAST: Final[tuple[Verdict, ...]] = ("pass", "n/a", "unverified", "error", "fail")


class Kill(NamedTuple):
    """What the rules made of a mutant.

    verdict  fail where one noticed; pass where all that could be judged are content
    rule     whose verdict it is, "" where none was judged
    reason   why it is not one or the other, or nothing
    cases    judged by `rule` until one looked wrong, all where none did
    seconds  from the first of them
    """

    verdict: Verdict
    rule: str = ""
    reason: str = ""
    cases: int = 0
    seconds: float = 0.0


def kill(rules: Sequence[str], bench: Bench) -> Kill:
    """Judge by one rule after the other until one fails.

    The cases are those of `dirmeta run`, in order, without those that a subject unpacks first.
    """
    best = Kill("pass")
    for rule in rules:
        found = _judged(rule, bench)
        if found.verdict == "fail":
            return found
        best = max(best, found, key=lambda each: (WORST_LAST.index(each.verdict), each.cases))
    return best


def _judged(rule: str, bench: Bench) -> Kill:
    if not catalogue()[rule].checked:
        return Kill("unverified", rule, "no check in this version")
    if why := bench.lacks(catalogue()[rule]):
        return Kill("n/a", rule, why)
    began, cases, lacking = time.monotonic(), 0, ""
    judging = {group: each for group, each in families().items() if rule in each.rules and not each.unpacks}
    for group, family in judging.items():
        for shard in range(family.shards):
            before = time.monotonic() - began
            result = run_shard(family, group, shard, [rule], bench)[rule]
            if result.verdict == "fail":
                return Kill("fail", rule, "", cases + result.first_case, before + result.first_seconds)
            if result.verdict == "error":
                return Kill("error", rule, result.reason, cases)
            cases += result.cases
            lacking = lacking or result.reason * (result.verdict == "unverified" and not result.cases)
    return Kill("unverified" if lacking else "pass", rule, lacking, cases, time.monotonic() - began)
