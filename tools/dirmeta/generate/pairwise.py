"""Few rows in which every two values of different factors meet: tested instead of all combinations."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

V = TypeVar("V", bound=Hashable)
Row = tuple[V, ...]


def pairwise(factors: Sequence[Sequence[V]], forbidden: Collection[frozenset[V]]) -> list[Row[V]]:
    """Rows of one value a factor, in which all pairs of values meet that can, and no forbidden pair does.

    factors  values that are distinct over all factors; the first of each is the one to be preferred
    Greedy, so not the fewest rows there are; the same for the same factors. Source: D. M. Cohen et al., "The
    AETG system", IEEE TSE 23 (1997).
    """
    todo = {
        frozenset(pair): None
        for one, other in combinations(factors, 2) for first in one for second in other
        if (pair := (first, second)) and frozenset(pair) not in forbidden
    }  # fmt: skip
    rows: list[Row[V]] = []
    while todo:
        wanted = next(iter(todo))
        row = _completed({}, factors, wanted, todo, forbidden)
        if row is None:
            del todo[wanted]  # what the one needs the other rules out
            continue
        rows.append(tuple(row[number] for number in range(len(factors))))
        for pair in combinations(rows[-1], 2):
            todo.pop(frozenset(pair), None)
    return rows


def _completed(
    row: Mapping[int, V], factors: Sequence[Sequence[V]], wanted: frozenset[V],
    todo: Collection[frozenset[V]], forbidden: Collection[frozenset[V]],
) -> Mapping[int, V] | None:  # fmt: skip
    """`row` with a value for every factor, those of the wanted pair included; None where there is none."""
    if len(row) == len(factors):
        return row
    number = min(
        (number for number in range(len(factors)) if number not in row),
        key=lambda number: wanted.isdisjoint(factors[number]),
    )
    values = [value for value in factors[number] if value in wanted] or list(factors[number])
    legal = [v for v in values if not any(frozenset((v, other)) in forbidden for other in row.values())]
    for value in sorted(legal, key=lambda v: -sum(frozenset((v, o)) in todo for o in row.values())):
        complete = _completed({**row, number: value}, factors, wanted, todo, forbidden)
        if complete is not None:
            return complete
    return None
