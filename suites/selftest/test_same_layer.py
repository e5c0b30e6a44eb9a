"""One layer unpacked in several ways: what is refused in all of them differs in none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dirmeta.model import listing
from dirmeta.model.oracle import diff_directory
from dirmeta.rules.agreement import every_order_gives_the_same, off_makes_no_mark, together_is_as_one_by_one
from dirmeta.rules.findings import Finding
from dirmeta.rules.registry import Terms, Trial
from dirmeta.rules.seen import LayerSeen, StackSeen, Twice

ORDERS = listing.parse("layer 1  d/\n         d/f\nlayer 2  d/f\n         d/")
ONE = listing.parse("layer 1  d/f")
REFUSED = LayerSeen({}, refused="exit status 1: no")
CRASHED = LayerSeen({}, trouble="signal 11")


def unpacked(number: int) -> LayerSeen:
    return LayerSeen(diff_directory(ORDERS.stack[number - 1], delegate=False))


def orders(*seen: LayerSeen) -> list[tuple[int, str, str]]:
    found = every_order_gives_the_same(Trial(ORDERS, StackSeen(seen), Terms()))
    return [(each.layer, each.want, each.saw) for each in found]


@pytest.mark.parametrize("given_up", [REFUSED, CRASHED])
def test_what_is_refused_in_every_order_is_alike(given_up: LayerSeen) -> None:
    assert orders(given_up, given_up) == []
    assert orders(unpacked(1), unpacked(2)) == []


@pytest.mark.parametrize(("given_up", "words"), [(REFUSED, REFUSED.refused), (CRASHED, CRASHED.trouble)])
def test_what_is_refused_in_one_order_alone_is_told_of_that(given_up: LayerSeen, words: str) -> None:
    assert orders(unpacked(1), given_up) == [(2, "unpacked    as layer 1", words)]
    assert orders(given_up, unpacked(2)) == [(1, "unpacked    as layer 2", words)]


@pytest.mark.parametrize("judge", [together_is_as_one_by_one, off_makes_no_mark])
def test_of_two_ways_the_same_holds(judge: Callable[[Trial], Iterator[Finding]]) -> None:
    def found(one: LayerSeen, other: LayerSeen) -> list[tuple[str, str, str]]:
        trial = Trial(ONE, Twice((one,), (other,)), Terms())
        return [(each.where, each.want.split("    ")[0], each.saw) for each in judge(trial)]

    good = LayerSeen(diff_directory(ONE.stack[0], delegate=False))
    assert found(good, good) == found(REFUSED, REFUSED) == found(CRASHED, REFUSED) == []
    assert found(good, REFUSED) == [("the layer", "unpacked", REFUSED.refused)]
    assert found(CRASHED, good) == [("the layer", CRASHED.trouble, "unpacked")]
