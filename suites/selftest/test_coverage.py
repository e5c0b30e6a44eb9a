"""What a shard's cases are worth to a rule: cases that a subject refused are no sample of what it does."""

from __future__ import annotations

import pytest

from dirmeta.judge.coverage import Coverage
from dirmeta.judge.results import unmet
from dirmeta.model import listing
from dirmeta.rules.registry import Check
from dirmeta.rules.seen import StackSeen

ROOTED = listing.parse("layer 1  ./ 0700")
PLAIN = listing.parse("layer 1  a/")
SEEN = StackSeen(())


def covered(check: Check, unpacked: int, refused: int, plain: int = 0) -> tuple[int, str]:
    """How many cases count, and what is missing, where so many rooted ones were unpacked and refused."""
    coverage = Coverage([check], planned=unpacked + refused + plain)
    cases = [(ROOTED, False)] * unpacked + [(ROOTED, True)] * refused + [(PLAIN, False)] * plain
    for case, is_refused in cases:
        coverage.add(case, SEEN, refused=is_refused)
    counted = coverage.counted(check, len(cases))
    return counted, unmet(coverage.of(check), counted)


def check(share: float = 0.5, *, refusals: bool = False) -> Check:
    needs = {"root entry": share} if share else {}
    return Check("UNPACK-ROOT", StackSeen, needs, judge=lambda trial: iter(()), refusals=refusals)


@pytest.mark.parametrize(
    ("unpacked", "refused", "plain", "counted", "missing"),
    [
        (4, 6, 0, 4, ""),
        (4, 6, 5, 9, "'root entry' in 4 of 9 cases; 50% are needed"),
        (0, 6, 0, 0, "'root entry' in 0 of 0 cases; 50% are needed"),
    ],
)
def test_of_what_was_unpacked_enough_has_to_be_of_the_kind(
    unpacked: int, refused: int, plain: int, counted: int, missing: str
) -> None:
    assert covered(check(), unpacked, refused, plain) == (counted, missing)


def test_a_rule_that_judges_refusals_counts_them() -> None:
    assert covered(check(refusals=True), 0, 6, plain=6) == (12, "")


def test_a_rule_that_needs_nothing_counts_all() -> None:
    assert covered(check(0), 0, 6) == (6, "")
