"""The kind of a deviation: what one case has in common with another that shows the same."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from dirmeta.generate.features import FEATURES, OF_LAYERS, features
from dirmeta.model import overlayfs, paths, spelling
from dirmeta.model.entries import Xattrs
from dirmeta.model.stack import Case, Layer, Setup
from dirmeta.rules.findings import Difference, Finding
from dirmeta.rules.words import presence

_DAY: Final = 24 * 60 * 60 * spelling.NANO
_BITS: Final = {"permissions": 0o777, "setuid": 0o4000, "setgid": 0o2000, "sticky bit": 0o1000}
_COMPARING: Final = frozenset(("UNPACK-ORDER", "UNPACK-PARALLEL", "UNPACK-OFF"))
"""Rules by which two unpackings are compared, of which neither is the one that is wrong."""
_OF_PARENTS: Final = frozenset(("implied directory", "nested implied directory"))
_NAMED: Final = re.compile(r"""(?<!\w)'[^']*'|"[^"]*"|\S*[/\d]\S*""")
"""What a tool's message says of one case alone: what is quoted, paths and numbers."""
_ENDED: Final = re.compile(r"(exit status|signal) \d+: ")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
"""Shorter ones may be names."""


class Kind(NamedTuple):
    """One thing that is wrong, and where.

    wrong  which attribute, and in which way: ``mtime: time of unpacking``, ``setgid gained``
    place  features (generate/features.py) of what the layer has there; ``own …`` for those of the path's own
           entry
    """

    wrong: str
    place: frozenset[str]

    def covers(self, other: Kind) -> bool:
        """Whether the other is the same thing wrong, where everything is that is here."""
        return self.wrong == other.wrong and self.place <= other.place


def kinds(finding: Finding, case: Case) -> frozenset[Kind]:
    """Everything that a finding on the case shows; one, or several where bits of a mode differ or a tool
    complains of several things.

    One that is about no single layer is about all of them together.
    """
    difference = finding.difference
    if difference is None:
        everything = _all_of(finding, case)
        return frozenset(Kind(wrong, everything) for wrong in _of_words(finding, case))
    if finding.rule in _COMPARING:
        both = frozenset(shape for layer in case.stack for shape in _place(difference.path, layer, case))
        return frozenset((Kind(f"{difference.what} {_of_name(difference.name)}".strip(), both),))
    if finding.layer:
        place = _place(difference.path, case.stack[finding.layer - 1], case)
    else:
        place = _place_in_all(difference.path, case)
    return frozenset(Kind(wrong, place) for wrong in _of_difference(difference))


def _all_of(finding: Finding, case: Case) -> frozenset[str]:
    """What the layer has that a finding is about, or all layers."""
    layers = case.stack[finding.layer - 1 : finding.layer] if finding.layer else case.stack
    return _shapes(Case(layers, _setup(case)))


def _place(path: str, layer: Layer, case: Case) -> frozenset[str]:
    return _of_own(path, layer, case) | _shapes(Case((_around(path, layer),), _setup(case)))


def _place_in_all(path: str, case: Case) -> frozenset[str]:
    """What layers have at a path, and what they are to each other there."""
    around = (_around(path, layer) for layer in case.stack)
    found = _shapes(Case(tuple(layer for layer in around if len(layer)), _setup(case)), FEATURES)
    own = [layer for layer in case.stack if any(each.place == path for each in layer)]
    return found.union(*(_of_own(path, layer, case) for layer in own or [Layer()]))


def _around(path: str, layer: Layer) -> Layer:
    return Layer(tuple(each for each in layer if _is_near(each.place, path)))


def _of_own(path: str, layer: Layer, case: Case) -> frozenset[str]:
    own = Layer(tuple(each for each in layer if each.place == path))
    return frozenset(f"own {each}" for each in _shapes(Case((own,), _setup(case))) - _OF_PARENTS)


def _setup(case: Case) -> Setup:
    """What decides which xattrs are overlayfs's, and no more."""
    return Setup(namespace=case.setup.namespace)


def _shapes(case: Case, asked: frozenset[str] = OF_LAYERS) -> frozenset[str]:
    """What layers have; an absolute name is an odd spelling too, also where it is the root's."""
    found = frozenset(features(case, asked))
    if any(each.name.startswith("/") for layer in case.stack for each in layer):
        return found | {"absolute name", "odd spelling"}
    return found


def _is_near(place: str, path: str) -> bool:
    """Whether an entry is at a path, above it, or below it."""
    return place == path or paths.below(place, path) or paths.below(path, place)


def _of_words(finding: Finding, case: Case) -> Iterator[str]:
    """What is wrong as a whole: that a layer was refused, with which words but for the case's own names."""
    texts = [text for layer in case.stack for each in layer for text in (each.name, each.target)]
    names = {name for text in texts for name in (text, *text.split("/"))}
    saw = finding.saw
    for text in texts:
        if "\n" in text:  # a message is told with all its lines in one
            saw = saw.replace("; ".join(map(str.strip, text.splitlines())), " ")
    ended = _ENDED.match(saw)
    head = ended[0] if ended else ""
    for complaint in saw[len(head) :].split("; "):
        said = _NAMED.sub(" ", f"{finding.want} / {head}{complaint}")
        yield " ".join(word for word in _WORD.findall(said) if word not in names)


def _of_difference(each: Difference) -> Iterator[str]:
    want, saw = each.want, each.saw
    if want is None or saw is None or each.what == "kind":
        yield f"{presence(want)} / {presence(saw)}"
    elif each.what == "mode":
        yield from _of_mode(want.mode, saw.mode)
    elif each.what == "mtime":
        yield f"mtime: {_of_time(want.mtime, saw.mtime)}"
    elif each.what in ("uid", "gid"):
        yield f"{each.what}: {'another' if getattr(saw, each.what) else '0'}"
    elif each.what == "xattr":
        yield f"{_of_name(each.name)}: {_of_value(each.name, want.xattrs, saw.xattrs)}"
    else:
        yield each.what


def _of_mode(want: int, saw: int) -> Iterator[str]:
    for name, bits in _BITS.items():
        if (want ^ saw) & bits:
            how = "" if name == "permissions" else " gained" if saw & bits else " lost"
            yield f"{name}{how}"


def _of_time(want: int | None, saw: int | None) -> str:
    if saw is None or abs(time.time_ns() - saw) < _DAY:
        return "time of unpacking"
    if want is not None and saw == want // spelling.NANO * spelling.NANO:
        return "fraction lost"
    return "another" if saw else "the epoch"


def _of_name(name: str) -> str:
    """An ACL by its own name, what is overlayfs's as such, others by their namespace; "" for none."""
    if not name or name in overlayfs.ACLS:
        return name
    return f"{name.partition('.')[0]}.{'overlay.' * overlayfs.is_overlay_private(name)}*"


def _of_value(name: str, want: Xattrs, saw: Xattrs) -> str:
    if name not in dict(saw):
        return "lost"
    return "another value" if name in dict(want) else "gained"
