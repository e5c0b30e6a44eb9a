"""The named cases that engines are compared on: data in ``fixtures/compare/cases.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dirmeta import locations
from dirmeta.generate.packing import obstacle
from dirmeta.judge import regression_files
from dirmeta.judge.opening import UsageError
from dirmeta.model import listing
from dirmeta.model.stack import Case, Layer, Setup, Stack

CASES: Final = "compare/cases.toml"
_FIELDS: Final = frozenset(("name", "title", "path", "listing"))


@dataclass(frozen=True)
class Named:
    """A case with a name.

    path  the directory whose metadata the table shows
    """

    name: str
    title: str
    path: str
    case: Case


def corpus() -> tuple[Named, ...]:
    """The cases that come with the suite."""
    return read(locations.fixtures() / CASES)


def reported() -> tuple[Named, ...]:
    """Those bug reports that can be asked of a tool together with other cases."""
    return tuple(
        Named(name, each.title, each.shows[0].path, each.case)
        for name, each in regression_files.every().items()
        if each.shows and not unshareable(each.case)
    )


def unshareable(case: Case) -> str:
    """Why a case can not be in one image with others, as engines are asked, or nothing."""
    if not case.stack:
        return "it has no layers"
    if case.program:
        return "it has operations, and nothing is done to an image"
    if case.setup != Setup():
        return "its setup is not the usual one, and none is written in an image"
    return obstacle(case)


def read(file: Path) -> tuple[Named, ...]:
    """The cases in a file. Raises UsageError, which names the case and what is wrong with it."""
    try:
        found = tomllib.loads(file.read_text("utf-8")).get("case", [])
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from None
    cases = tuple(_named(file, number, values) for number, values in enumerate(found, 1))
    twice = {each.name for each in cases if [other.name for other in cases].count(each.name) > 1}
    if twice:
        raise UsageError(f"{file}: case {min(twice)} is there twice")
    return cases


def _named(file: Path, number: int, values: dict[str, Any]) -> Named:
    where = f"{file}: case {values.get('name', number)}"
    if values.keys() != _FIELDS:
        wrong = ", ".join(sorted(values.keys() ^ _FIELDS))
        raise UsageError(f"{where}: it has exactly {', '.join(sorted(_FIELDS))}; look at {wrong}")
    try:
        case = listing.parse(values["listing"])
    except listing.ListingError as error:
        raise UsageError(f"{where}: {error}") from None
    if why := unshareable(case):
        raise UsageError(f"{where}: it can not share an image with others: {why}")
    return Named(values["name"], values["title"], values["path"], case)


def without_owners(cases: Sequence[Named]) -> tuple[Named, ...]:
    """The same cases with all owned by 0:0, for who may have no others."""
    return tuple(replace(each, case=replace(each.case, stack=_disowned(each.case.stack))) for each in cases)


def _disowned(stack: Stack) -> Stack:
    return tuple(Layer(tuple(replace(entry, uid=0, gid=0) for entry in layer)) for layer in stack)
