"""Layers at the edge of what tar and file systems can say (UNPACK-EDGE)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import setups
from dirmeta.generate.choices import Choices
from dirmeta.generate.pools import NO_LIMITS
from dirmeta.generate.strategies import drawn
from dirmeta.generate.trees import LATIN
from dirmeta.model import paths
from dirmeta.model.entries import OPAQUE_MARKER, Entry
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case, Layer, TarFormat

_SIZE: Final = 8
_FORMATS: Final[tuple[TarFormat, ...]] = ("pax", "gnu")
_LENGTHS: Final = (99, 100, 101, 154, 155, 156, 254, 255)
_SPELLINGS: Final = ("./", ".", "/", ".//")


def edges(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """One layer with plain metadata, in PAX or GNU format: empty, only the root, only a marker in the
    root, long names on both sides of the formats' limits, a component of 255 or 256 bytes (the latter is
    not well formed), names that are not UTF-8, deep chains."""

    def decode(choices: Choices) -> Case:
        setup = setups.unpacked(choices.part(setups.SETUP_SIZE), limits)
        layer = choices.pick(_EDGES)(choices)
        return Case((layer,), replace(setup, tar=choices.pick(_FORMATS)))

    return drawn(setups.SETUP_SIZE + _SIZE, decode)


def _empty(choices: Choices) -> Layer:
    return Layer()


def _only_the_root(choices: Choices) -> Layer:
    return Layer((Entry(choices.pick(_SPELLINGS), "directory", choices.pick((0o755, 0o555, 0o1777))),))


def _only_a_whiteout(choices: Choices) -> Layer:
    name, kind = choices.pick(((".wh.a", "whiteout"), (OPAQUE_MARKER, "opaque")))
    return Layer((Entry(name, "opaque" if kind == "opaque" else "whiteout"),))


def _ending(choices: Choices, directory: str) -> Layer:
    """One entry in `directory`, and perhaps one for its parent."""
    entries = [
        Entry(paths.join(directory, "f"), "file"),
        Entry(directory + "/", "directory", 0o700),
        Entry(paths.join(directory, ".wh.f"), "whiteout"),
        Entry(paths.join(directory, OPAQUE_MARKER), "opaque"),
    ]
    layer = [entries[choices.index(4)]]
    if choices.chance(1, 3) and (up := paths.parent(directory)):
        layer.insert(choices.index(2), Entry(up + "/", "directory", 0o750))
    return Layer(tuple(layer))


def _long_component(choices: Choices) -> Layer:
    return _ending(choices, paths.join(choices.pick(("a", "a/b")), "n" * choices.pick(_LENGTHS)))


def _long_path(choices: Choices) -> Layer:
    length = choices.pick((98, 99, 100, 101, 254, 255, 256, 257, 512, 1024))
    text = ("d" * 59 + "/") * 20
    return _ending(choices, text[: length - 2].rstrip("/"))


def _too_long(choices: Choices) -> Layer:
    long = choices.pick(("n" * 256, "é" * 128, "n" * 300))
    place = choices.pick((long, "a/" + long, "a/" + long + "/f"))
    return Layer((Entry(place, "file"), Entry("b/f", "file")))


def _other_bytes(choices: Choices) -> Layer:
    name = choices.pick((LATIN, "\udcff\udcfe", "é\udc80", "日本", "a\nb", "a\\b", "a=b", " "))
    return _ending(choices, paths.join(choices.pick(("a", name)), name))


def _deep(choices: Choices) -> Layer:
    return _ending(choices, "/".join(("d",) * choices.pick((12, 40, 100, 200))))


_EDGES: Final[tuple[Callable[[Choices], Layer], ...]] = (
    _empty, _only_the_root, _only_a_whiteout, _long_component, _long_path, _other_bytes, _deep, _too_long,
    _long_component, _long_path, _too_long, _other_bytes, _deep, _too_long,
)  # fmt: skip
