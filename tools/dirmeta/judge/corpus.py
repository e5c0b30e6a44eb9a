"""The named cases that engines are compared on: data in ``fixtures/compare/cases.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from dirmeta import locations
from dirmeta.generate.packing import obstacle
from dirmeta.judge import regression_files
from dirmeta.judge.opening import UsageError
from dirmeta.model import listing
from dirmeta.model.stack import Case, Layer, Setup, Stack
from dirmeta.rules.catalogue import catalogue

CASES: Final = "compare/cases.toml"
PROBES: Final = "compare/probes.toml"
_FIELDS: Final = frozenset(("name", "title", "path", "listing"))
_PROBE_FIELDS: Final = frozenset(("name", "title", "rules", "listing"))


@dataclass(frozen=True)
class Named:
    """A case with a name.

    path   the directory whose metadata the table shows
    rules  that alone are judged by it; none where all are that no case is there for
    """

    name: str
    title: str
    path: str
    case: Case
    rules: tuple[str, ...] = ()

    def is_about(self, rule: str) -> bool:
        """Whether a rule is judged by it."""
        return rule in self.rules if self.rules else rule not in _probed()

    @property
    def is_shared(self) -> bool:
        """Whether it can be asked for in an image with others; they would fill an empty layer."""
        return not unshareable(self.case) and not (self.rules and not all(map(len, self.case.stack)))


def corpus() -> tuple[Named, ...]:
    """The cases that come with the suite."""
    return read(locations.fixtures() / CASES)


def probes() -> tuple[Named, ...]:
    """The cases that are there for the sake of rules for unpackers: what the others have too little of."""
    return read_probes(locations.fixtures() / PROBES)


@cache
def _probed() -> frozenset[str]:
    """The rules that some case is there for: they speak of layers of one shape."""
    return frozenset(rule for each in probes() for rule in each.rules)


def reported() -> tuple[Named, ...]:
    """Those bug reports that can be asked of a tool together with other cases."""
    return tuple(
        Named(name, each.title, each.shows[0].path, each.case)
        for name, each in regression_files.every().items()
        if each.shows and not unshareable(each.case)
    )


def unshareable(case: Case) -> str:
    """Why a case can not be in one image with others, as engines are asked, or nothing."""
    return unaskable(case) or obstacle(case)


def unaskable(case: Case) -> str:
    """Why a case can not be an image at all, or nothing."""
    if not case.stack:
        return "it has no layers"
    if case.program:
        return "it has operations, and nothing is done to an image"
    if case.setup != Setup():
        return "its setup is not the usual one, and none is written in an image"
    return ""


def read(file: Path) -> tuple[Named, ...]:
    """The cases in a file. Raises UsageError, which names the case and what is wrong with it."""
    return _read(file, _named)


def read_probes(file: Path) -> tuple[Named, ...]:
    """The same for a file of probes, which name rules and may need an image of their own."""
    return _read(file, _probe)


def _read(file: Path, make: Callable[[str, dict[str, Any]], Named]) -> tuple[Named, ...]:
    try:
        found = tomllib.loads(file.read_text("utf-8")).get("case", [])
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from None
    cases = tuple(
        make(f"{file}: case {values.get('name', number)}", values) for number, values in enumerate(found, 1)
    )
    twice = {each.name for each in cases if [other.name for other in cases].count(each.name) > 1}
    if twice:
        raise UsageError(f"{file}: case {min(twice)} is there twice")
    return cases


def _named(where: str, values: dict[str, Any]) -> Named:
    _require_fields(where, values, _FIELDS)
    case = _case(where, values)
    if why := unshareable(case):
        raise UsageError(f"{where}: it can not share an image with others: {why}")
    return Named(values["name"], values["title"], values["path"], case)


def _probe(where: str, values: dict[str, Any]) -> Named:
    _require_fields(where, values, _PROBE_FIELDS)
    case = _case(where, values)
    if why := unaskable(case):
        raise UsageError(f"{where}: it can not be an image: {why}")
    for rule in values["rules"]:
        if rule not in catalogue():
            raise UsageError(f"{where}: there is no rule {rule!r} in `dirmeta rules list`")
    return Named(values["name"], values["title"], "", case, tuple(values["rules"]))


def _require_fields(where: str, values: dict[str, Any], fields: frozenset[str]) -> None:
    if values.keys() != fields:
        wrong = ", ".join(sorted(values.keys() ^ fields))
        raise UsageError(f"{where}: it has exactly {', '.join(sorted(fields))}; look at {wrong}")


def _case(where: str, values: dict[str, Any]) -> Case:
    try:
        return listing.parse(values["listing"])
    except listing.ListingError as error:
        raise UsageError(f"{where}: {error}") from None


def without_owners(cases: Sequence[Named]) -> tuple[Named, ...]:
    """The same cases with all owned by 0:0, for who may have no others."""
    return tuple(replace(each, case=replace(each.case, stack=_disowned(each.case.stack))) for each in cases)


def _disowned(stack: Stack) -> Stack:
    return tuple(Layer(tuple(replace(entry, uid=0, gid=0) for entry in layer)) for layer in stack)
