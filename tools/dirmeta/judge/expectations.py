"""The deviations that a subject or an engine is known to have, as files: ``fixtures/subjects/NAME.toml``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from dirmeta import locations
from dirmeta.judge import versions
from dirmeta.judge.corpus import unaskable, unshareable
from dirmeta.judge.modelling import models
from dirmeta.judge.opening import UsageError
from dirmeta.model import listing
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import catalogue
from dirmeta.subjects.engines.table import ENGINES, layer_subject

FOLDER: Final = "subjects"
TABLE: Final = "expected"
REASONLESS: Final = "no reason is given yet"
FAMILY: Final = "UNPACK"
_KEYS: Final = ("rule", "reason", "link", "versions", "options", "witness")
_OPTIONAL: Final = frozenset(("options",))
_MODELS: Final = frozenset(name for name, *_ in models())
_HEAD: Final = "# Known deviations of {name}; README.md says what an entry means and how it is made.\n"


class ExpectationError(UsageError):
    """A file that can not be taken: its name, the entry, and what is wrong there."""


class Known(Protocol):
    """A subject or an engine, as far as expectations speak of it."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...


@dataclass(frozen=True)
class Expectation:
    """One deviation.

    rule          that it breaks; of the root file system that an engine makes, the semantics that it declares
    reason, link  why it is there, in a sentence, and who says so; "" until a person has written them
    versions      of the subject that have it, a range as judge/versions.py reads it
    options       of the subject, as its name has them; "" for whichever
    case          the smallest that shows it
    """

    rule: str
    reason: str
    link: str
    versions: str
    options: str
    case: Case

    @property
    def note(self) -> str:
        """Why, in a line."""
        return " ".join(filter(None, (self.reason or REASONLESS, self.link)))

    @property
    def is_of_semantics(self) -> bool:
        """Whether it is about how layers are put together, and so about an engine."""
        return self.rule in _MODELS

    def speaks_of(self, subject: Known) -> bool:
        """Whether it is about the subject in this version and with these options."""
        given = subject.name.split(",")[1:]
        asked = filter(None, self.options.split(","))
        return all(each in given for each in asked) and versions.holds(self.versions, subject.version)


def file_of(spec: str) -> Path | None:
    """Where the expectations of a subject or an engine are, or would be; None for a program that is named by
    its path. What puts another subject to use shares that one's file."""
    name = (layer_subject(spec) or spec).partition(",")[0]
    return None if ":" in name or "/" in name else locations.fixtures() / FOLDER / f"{name}.toml"


def entry_words(spec: str, number: int) -> str:
    """``fixtures/subjects/tar.toml: entry 3``"""
    file = file_of(spec)
    return f"{f'fixtures/{FOLDER}/{file.name}' if file else spec}: entry {number}"


def load(spec: str) -> tuple[Expectation, ...]:
    """All that is in the file of a subject or an engine, whatever its version. Raises ExpectationError."""
    file = file_of(spec)
    return read(file) if file is not None and file.exists() else ()


def read(file: Path) -> tuple[Expectation, ...]:
    """The expectations in a file. Raises ExpectationError."""
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ExpectationError(f"{file}: {error}") from None
    entries = data.get(TABLE)
    if data.keys() != {TABLE} or not isinstance(entries, list):
        raise ExpectationError(f"{file}: it holds entries under [[{TABLE}]] and nothing else")
    return tuple(_entry(file, number, values) for number, values in enumerate(entries, 1))


def _entry(file: Path, number: int, values: Mapping[str, Any]) -> Expectation:
    try:
        entry = _expectation(values)
        if entry.is_of_semantics:
            _check(unshareable(entry.case), "it can not share an image with others")
        elif file.stem in ENGINES:
            _check(unaskable(entry.case), "it can not be an image")
        return entry
    except ValueError as error:
        raise ExpectationError(f"{file}: entry {number}: {error}") from None


def _expectation(values: Mapping[str, Any]) -> Expectation:
    if unknown := sorted(values.keys() - set(_KEYS)):
        raise ValueError(f"{', '.join(unknown)}: no such key; there are {', '.join(_KEYS)}")
    for key in _KEYS:
        if not isinstance(values.get(key, "" if key in _OPTIONAL else None), str):
            raise ValueError(f"{key}: a text is wanted")
    _check_rule(values["rule"])
    try:
        versions.holds(values["versions"], "")
    except ValueError as error:
        raise ValueError(f"versions: {error}") from None
    words = {key: values.get(key, "") for key in _KEYS if key != "witness"}
    return Expectation(**words, case=_case(values["witness"]))


def _check_rule(name: str) -> None:
    rule = catalogue().get(name)
    if name in _MODELS:
        return
    if rule is None:
        names = ", ".join(sorted(_MODELS))
        raise ValueError(f"rule: there is no {name!r} in `dirmeta rules list`, nor among semantics: {names}")
    if rule.family != FAMILY or rule.status == "O" or not rule.checked:
        raise ValueError(f"rule: {name} is not one that a subject can be seen to break")


def _case(text: str) -> Case:
    try:
        case = listing.parse(text)
    except listing.ListingError as error:
        raise ValueError(f"witness: {error}") from None
    if case.program or case.setup.layout != "unpacked" or not case.stack:
        raise ValueError("witness: layers that are unpacked are wanted, and no operations")
    return case


def _check(obstacle: str, words: str) -> None:
    """Engines are asked for several cases in one image, as far as that can be."""
    if obstacle:
        raise ValueError(f"witness: {words}: {obstacle}")


def write(file: Path, entries: Iterable[Expectation]) -> None:
    """Write a file anew, in the order of rules. Raises OSError."""
    order = [*catalogue(), *sorted(_MODELS)]
    ordered = sorted(entries, key=lambda entry: order.index(entry.rule))
    text = _HEAD.format(name=file.stem) + "".join(f"\n{_text(entry)}" for entry in ordered)
    file.write_text(text if ordered else f"{text}\n{TABLE} = []\n", "utf-8")


def _text(entry: Expectation) -> str:
    lines = [f"[[{TABLE}]]"]
    for key in ("rule", "reason", "link", "versions", "options"):
        value = getattr(entry, key)
        if value or key not in _OPTIONAL:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join([*lines, f"witness = {_block(listing.render(entry.case))}", ""])


def _block(text: str) -> str:
    """A text of several lines as TOML has it, as it is where it can be."""
    return json.dumps(text) if "'''" in text else f"'''\n{text}\n'''"
