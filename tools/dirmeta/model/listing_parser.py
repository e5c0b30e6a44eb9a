"""Reading a layer listing; `dirmeta.model.listing` says how one is spelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, get_args

from dirmeta.model import paths, words
from dirmeta.model.entries import Entry
from dirmeta.model.listing_entry import read_entry
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case, Credentials, Layer, Layout, Operation, Setup, TarFormat
from dirmeta.model.words import Words


class ListingError(ValueError):
    """One line: the number of the line of the listing, and what is wrong there."""


def parse(text: str) -> Case:
    """The case that a listing, typed or rendered, stands for; ListingError where it is none."""
    listing = _Listing()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            listing.read(Words(words.split(line)))
        except ValueError as error:
            raise ListingError(f"line {number}: {error}") from None
    if listing.layers is None:
        raise ListingError("line 1: no layer; a listing begins like: layer 1 usr/bin/ 0750")
    stack = tuple(Layer(tuple(layer)) for layer in listing.layers)
    return Case(stack, listing.setup or Setup(), tuple(listing.program))


class _Listing:
    """What has been read so far. `layers` is None until the first of them, or "(empty)", is met."""

    def __init__(self) -> None:
        self.layers: list[list[Entry]] | None = None
        self.empty = False
        self.setup: Setup | None = None
        self.program: list[Operation] = []

    def read(self, line: Words) -> None:
        if line.next == "setup":
            if self.setup is not None:
                raise ValueError("there is a setup line already; write both on one")
            line.take()
            self.setup = _setup(line)
        elif line.next == "then":
            line.take()
            self.program.append(_operation(line))
        else:
            if line.next == "layer":
                line.take()
                self._open(line.take("the layer's number"))
            if line:
                self._entry(line)

    def _open(self, number: str) -> None:
        layers = [] if self.layers is None else self.layers
        if number == str(len(layers) + 1) and not (self.empty and not layers):
            self.layers, self.empty = [*layers, []], False
        elif number != str(len(layers)) or not layers:
            turn = f"layer {len(layers) + 1} is next, (empty) if it has no entries"
            raise ValueError(f"layer {paths.printable(number)} is out of turn; {turn}")

    def _entry(self, line: Words) -> None:
        if line.next == "(empty)":
            line.take()
            if line or self.empty or (self.layers and self.layers[-1]):
                raise ValueError("(empty) stands alone")
            self.layers, self.empty = self.layers or [], True
        elif self.empty:
            raise ValueError(f"{paths.printable(line.next)} follows (empty)")
        elif not self.layers:
            raise ValueError(f"{paths.printable(line.next)} is in no layer; begin the line with: layer 1")
        else:
            self.layers[-1].append(read_entry(line))


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is not {' or '.join(choices)}")
        return value

    return read


def _switch(value: str) -> bool:
    return _one_of(("on", "off"))(value) == "on"


def _octal(value: str) -> int:
    if not re.fullmatch(r"[0-7]+", value):
        raise ValueError(f"{value!r} is not octal like 022")
    return int(value, 8)


def _number(value: str) -> int:
    if not re.fullmatch(r"[0-9]+", value):
        raise ValueError(f"{value!r} is not a number from 0 up")
    return int(value)


_SETTINGS: Final[dict[str, Callable[[str], Any]]] = {
    "namespace": _one_of(get_args(Namespace)),
    "delegate": _switch,
    "layout": _one_of(get_args(Layout)),
    "upper": _switch,
    "reused": _switch,
    "nested": _switch,
    "raced": _switch,
    "room": _number,
    "backing": str,
    "umask": _octal,
    "tar": _one_of(get_args(TarFormat)),
}


def _setup(line: Words) -> Setup:
    values: dict[str, Any] = {}
    options = []
    while line:
        if line.next == "option":
            line.take()
            options.append(_option(line.take("a mount option")))
            continue
        name, value = line.pair("a setting like namespace=user")
        if name not in _SETTINGS:
            raise ValueError(f"{name!r} is no setting; there are {', '.join(_SETTINGS)} and option")
        if name in values:
            raise ValueError(f"{name} is given twice")
        values[name] = _SETTINGS[name](words.text(value))
    return Setup(**values, options=tuple(options))


def _option(word: str) -> tuple[str, str]:
    name, value = words.split_pair(word) or (word, '""')
    return words.text(name), words.text(value)


_CLAUSES: Final = ("as", "without")


def _operation(line: Words) -> Operation:
    op = line.text("an operation")
    args: list[tuple[str, str | int]] = []
    if line and line.next not in _CLAUSES and words.split_pair(line.next) is None:
        args.append(("path", line.text("a path")))
    while line and line.next not in _CLAUSES:
        name, value = line.pair("an argument like mode=0700")
        args.append((words.text(name), _argument(value)))
    return Operation(op, tuple(args), _credentials(line))


def _argument(word: str) -> str | int:
    if re.fullmatch(r"0[0-7]+", word):
        return int(word, 8)
    return int(word) if re.fullmatch(r"-?(0|[1-9][0-9]*)", word) else words.text(word)


def _credentials(line: Words) -> Credentials:
    uid, gid, *groups = _ids(line) if line.next == "as" else (0, 0)
    drop = []
    while line:
        if (word := line.take()) != "without":
            raise ValueError(f"{word!r} follows the operation; only without CAPABILITY can")
        drop.append(line.text("a capability"))
    return Credentials(uid, gid, tuple(groups), tuple(drop))


def _ids(line: Words) -> list[int]:
    line.take()
    word = line.take("a user like 1000:1000")
    if not re.fullmatch(r"[0-9]+:[0-9]+(,[0-9]+)*", word):
        raise ValueError(f"{word!r} is no user like 1000:1000 or 1000:1000,4")
    return [int(number) for number in re.split("[:,]", word)]
