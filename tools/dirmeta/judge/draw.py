"""Hypothesis as a source of cases: it draws, and neither shrinks nor reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case


class Enough(BaseException):
    """Raised by who is fed, to end the drawing. Not an Exception: Hypothesis would take it for a failure."""


Batch = tuple[Case, ...]
Draws = Callable[[Limits, int], SearchStrategy[Batch]]
"""Given what a lab can not do and how many cases make a batch: batches."""


class Cases(Protocol):
    """A sequence, which may make each case when it is asked for."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Case]: ...

    def __getitem__(self, index: int, /) -> Case: ...


@dataclass(frozen=True)
class Scope:
    """Every case of a finite set, without Hypothesis."""

    every: Callable[[Limits], Cases]

    def size(self, limits: Limits) -> int:
        """How many cases there are."""
        return len(self.every(limits))

    def feed(
        self, limits: Limits, pack: int, part: tuple[int, int], stride: int, each: Callable[[Batch], None]
    ) -> None:
        """Call `each` with batches of `pack` cases, until all were or it raises `Enough`.

        part    (number, of how many) equal parts of the set is taken
        stride  only every so manieth case of the part
        """
        number, parts = part
        every = self.every(limits)
        cases = map(every.__getitem__, range(number, len(every), parts * stride))
        with suppress(Enough):
            while batch := tuple(islice(cases, pack)):
                each(batch)


def one_by_one(cases: Callable[[Limits], SearchStrategy[Case]]) -> Draws:
    """Batches of cases that are drawn independently."""
    return lambda limits, count: st.tuples(*[cases(limits)] * count)


def feed(strategy: SearchStrategy[Batch], batches: int, number: int, each: Callable[[Batch], None]) -> None:
    """Call `each` with drawn batches, until there were that many or it raises `Enough`.

    number: the seed; the same number draws the same cases. What else `each` raises is raised.
    """
    errors: list[Exception] = []

    @seed(number)
    @settings(
        max_examples=max(1, batches),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def drawn(batch: Batch) -> None:
        try:
            each(batch)
        except Exception as error:  # Hypothesis would do it again, and report that instead
            errors.append(error)
            raise Enough from error

    with suppress(Enough):
        drawn()
    if errors:
        raise errors[0]
