"""Versions of tools as dotted numbers, and ranges of them like ``>=1.34,<2``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final

_COMPARED: Final[dict[str, Callable[[list[int], list[int]], bool]]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_BOUND: Final = re.compile(rf"\s*({'|'.join(_COMPARED)})\s*(\d+(?:\.\d+)*)\s*")


def holds(wanted: str, version: str) -> bool:
    """Whether a version is in a range; "" is the range of all. What follows its numbers is not looked at, and
    one without numbers is in no other range.

    ValueError where that is no range.
    """
    bounds = [_bound(each) for each in wanted.split(",")] if wanted else []
    known = _numbers(version)
    return all(known and _COMPARED[how](*_padded(known, number)) for how, number in bounds)


def exactly(version: str) -> str:
    """The range of that version alone; of all where it begins with no number."""
    known = _numbers(version)
    return f"=={'.'.join(map(str, known))}" if known else ""


def _bound(text: str) -> tuple[str, list[int]]:
    match = _BOUND.fullmatch(text)
    if match is None:
        raise ValueError(f"{text.strip()!r} is no bound; a range is written like >=1.34,<2")
    return match[1], _numbers(match[2])


def _numbers(version: str) -> list[int]:
    """[1, 34] of ``1.34+dfsg-1``; [] where it begins with no number."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return [int(number) for number in match[0].split(".")] if match else []


def _padded(one: list[int], other: list[int]) -> tuple[list[int], list[int]]:
    """Both as long as the longer one: 1.34 is 1.34.0."""
    length = max(len(one), len(other))
    return one + [0] * (length - len(one)), other + [0] * (length - len(other))
