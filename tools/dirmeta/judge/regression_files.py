"""Reading regressions: a file each in `suites/regressions/cases`, whose form the README there explains."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dirmeta import locations
from dirmeta.judge.facts import FactsError, facts
from dirmeta.judge.opening import UsageError
from dirmeta.judge.regressions import Regression, Sight
from dirmeta.judge.replaying import wrong_program
from dirmeta.model import listing, paths
from dirmeta.model.semantics import SEMANTICS, VARIANTS, Policies, Semantics
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.operated import ProgramSeen
from dirmeta.rules.registry import CHECKS
from dirmeta.rules.seen import StackSeen

_TEXTS: Final = ("title", "saw", "tool", "layers", "beyond")
_LISTS: Final = ("reports", "rules", "shows")
_KEYS: Final = frozenset((*_TEXTS, *_LISTS, "semantics", "policies"))
_OPTIONAL: Final = frozenset(("beyond", "policies"))
_REPORT: Final = re.compile(r"[\w.-]+/[\w.-]+#[0-9]+")


class RegressionError(UsageError):
    """A file that is no regression: its name, and what is wrong there."""


def directory() -> Path:
    """Where the files are."""
    return locations.suites() / "regressions" / "cases"


def every() -> dict[str, Regression]:
    """Name → regression, all of them. Raises RegressionError."""
    return {path.stem: load(path) for path in sorted(directory().glob("*.toml"))}


def load(path: Path) -> Regression:
    """The regression that a file holds. Raises RegressionError."""
    try:
        return _regression(path.stem, tomllib.loads(path.read_text("utf-8")))
    except ValueError as error:  # all that reads a part of it says so what is wrong, on one line
        raise RegressionError(f"{path.name}: {error}") from None


def _regression(name: str, data: Mapping[str, Any]) -> Regression:
    _check_keys(data)
    semantics, variant = _semantics(data["semantics"])
    case = _case(data["layers"])
    if case.program and semantics != "topmost":
        raise ValueError(f"semantics: what is done to layers is done on an overlay: topmost, not {semantics}")
    return Regression(
        name,
        data["title"],
        _reports(name, data["reports"]),
        data["saw"].strip(),
        data["tool"],
        semantics,
        variant,
        _policies(data.get("policies", {})),
        case,
        _rules(data["rules"], case),
        tuple(_sight(each) for each in data["shows"]),
        data.get("beyond", "").strip(),
    )


def _case(text: str) -> Case:
    try:
        case = listing.parse(text)
    except listing.ListingError as error:
        raise ValueError(f"layers: {error}") from None
    if wrong := case.malformed or wrong_program(case.program):
        raise ValueError(f"layers: {wrong}")
    return case


def _check_keys(data: Mapping[str, Any]) -> None:
    if missing := sorted(_KEYS - _OPTIONAL - data.keys()):
        raise ValueError(f"{', '.join(missing)}: not given")
    if unknown := sorted(data.keys() - _KEYS):
        raise ValueError(f"{', '.join(unknown)}: no such key; there are {', '.join(sorted(_KEYS))}")
    for key in (*_TEXTS, "semantics"):
        if key in data and not (isinstance(data[key], str) and data[key].strip()):
            raise ValueError(f"{key}: words are wanted")
    for key in _LISTS:
        if not isinstance(data[key], list) or not data[key]:
            raise ValueError(f"{key}: a list with something in it is wanted")


def _semantics(text: str) -> tuple[Semantics, str]:
    name, slash, variant = text.partition("/")
    known = {each: VARIANTS.get(each, ()) for each in SEMANTICS}
    if name not in known or (slash and variant not in known[name]):
        raise ValueError(f"semantics: {text!r} is none; there are {', '.join(_spellings())}")
    return name, variant


def _spellings() -> list[str]:
    return [
        f"{name}/{variant}" if variant else name
        for name in SEMANTICS
        for variant in VARIANTS.get(name, ("",))
    ]


def _reports(name: str, reports: list[Any]) -> tuple[str, ...]:
    for report in reports:
        if not isinstance(report, str) or not _REPORT.fullmatch(report):
            raise ValueError(f"reports: {report!r} is not spelled like containers/storage#1288")
    repository, number = reports[0].rpartition("/")[2].split("#")
    prefix = f"{re.sub('[^a-z0-9]', '_', repository.lower())}_{number}_"
    if not re.fullmatch(rf"{prefix}[a-z0-9_]+", name):
        raise ValueError(
            f"its name has to be {prefix} and a few words, since {reports[0]} is its first report"
        )
    return tuple(reports)


def _policies(values: object) -> Policies:
    if not isinstance(values, dict):
        raise ValueError('policies: a table like {placeholder_mode = "0600"} is wanted')
    policies = Policies()
    for name, value in values.items():
        policies = policies.switched(name, value if isinstance(value, str) else repr(value))
    return policies


def _rules(rules: list[Any], case: Case) -> tuple[str, ...]:
    for rule in rules:
        if rule not in catalogue():
            raise ValueError(f"rules: there is no {rule!r}; `dirmeta rules list` names them all")
        if (rule, ProgramSeen if case.program else StackSeen) not in CHECKS:
            how = "what is done to" if case.program else "a look at"
            raise ValueError(f"rules: {rule} is not judged by {how} a mounted stack")
        if rule.startswith("UNPACK-") and case.setup.layout == "model":
            raise ValueError(f"rules: nothing is unpacked with layout=model, so {rule} says nothing")
    return tuple(dict.fromkeys(rules))


def _sight(data: object) -> Sight:
    if not isinstance(data, dict) or data.keys() != {"path", "damaged", "delegated"}:
        raise ValueError("shows: each has path, damaged and delegated, and nothing else")
    if not isinstance(data["path"], str):
        raise ValueError('shows: a path is words, "." for the root')
    try:
        return Sight(paths.clean(data["path"]), facts(data["damaged"]), facts(data["delegated"]))
    except FactsError as error:
        raise ValueError(f"shows: {data['path']}: {error}") from None
