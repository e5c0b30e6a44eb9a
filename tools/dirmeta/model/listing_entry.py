"""Reading one entry of a layer listing; `dirmeta.model.listing` says how it is spelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from dirmeta.model import acl, overlayfs, paths, spelling, words
from dirmeta.model.entries import Entry, Kind, kind_of_file
from dirmeta.model.words import Words


def named_kind(name: str) -> Kind:
    """What an entry of that name is where nothing else is said."""
    return "directory" if name.endswith("/") or paths.clean(name) == paths.ROOT else kind_of_file(name)


class _Draft:
    """An entry of which some words have been read; nothing is said of it twice."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: dict[str, Any] = {}
        self.xattrs: dict[str, bytes] = {}

    def say(self, what: str, value: object) -> None:
        if what in self.said:
            raise ValueError(f"{what} is given twice for {self.name!r}")
        self.said[what] = value

    def say_xattr(self, name: str, value: bytes) -> None:
        if name in self.xattrs:
            raise ValueError(f"xattr {name!r} is given twice for {self.name!r}")
        self.xattrs[name] = value

    def entry(self) -> Entry:
        values = {"kind": named_kind(self.name), "mtime": 0, **self.said}
        values["uid"], values["gid"] = values.pop("owner", (0, 0))
        values.setdefault("mode", self._usual_mode(values["kind"]))
        return Entry(self.name, **values, xattrs=tuple(sorted(self.xattrs.items())))

    def _usual_mode(self, kind: Kind) -> int:
        access = self.xattrs.get(overlayfs.ACL_ACCESS)
        return spelling.default_mode(kind) if access is None else acl.mode_bits(access)


_DEVICE: Final = re.compile(r"([0-9]+):([0-9]+)")


def read_entry(line: Words) -> Entry:
    """The entry that the words of a line are about. ValueError says what is wrong with them."""
    draft = _Draft(line.text("a name"))
    while line:
        word = line.take()
        if word in _AFTER:
            _AFTER[word](draft, line)
        elif re.fullmatch(r"[0-7]{1,5}", word):
            draft.say("mode", int(word, 8))
        elif owner := _DEVICE.fullmatch(word):
            draft.say("owner", (int(owner[1]), int(owner[2])))
        elif word.startswith("@"):
            draft.say("mtime", spelling.seconds(word[1:]))
        elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
            draft.say("mtime", moment(word, line.take("a time of day like 00:00:00")))
        else:
            raise ValueError(f"{word!r} is no mode, owner, time, kind or attribute")
    return draft.entry()


def moment(date: str, clock: str) -> int:
    """A date and a time of day in UTC, in nanoseconds since the epoch. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?", clock)
    if match is None:
        raise ValueError(f"{clock!r} is no time of day like 00:00:00 or 00:00:00.000000001")
    year, month, day = map(int, date.split("-"))
    hour, minute, second = map(int, match.group(1, 2, 3))
    since = datetime(year, month, day, hour, minute, second) - datetime(1970, 1, 1)
    seconds = since // timedelta(seconds=1)
    return seconds * spelling.NANO + int(f"{match[4] or 0:0<9}")


def _kind(kind: Kind) -> Callable[[_Draft, Words], None]:
    return lambda draft, line: draft.say("kind", kind)


def _device(kind: Kind) -> Callable[[_Draft, Words], None]:
    def read(draft: _Draft, line: Words) -> None:
        match = _DEVICE.fullmatch(word := line.take("a device number"))
        if match is None:
            raise ValueError(f"{word!r} is no device number like 1:3")
        draft.say("kind", kind)
        draft.say("device", (int(match[1]), int(match[2])))

    return read


def _link(kind: Kind) -> Callable[[_Draft, Words], None]:
    def read(draft: _Draft, line: Words) -> None:
        draft.say("kind", kind)
        draft.say("target", line.text(f"the target of a {kind}"))

    return read


def _acl(name: str) -> Callable[[_Draft, Words], None]:
    return lambda draft, line: draft.say_xattr(name, acl.parse(line.text("an ACL")))


def _xattr(draft: _Draft, line: Words) -> None:
    name, value = line.pair('an xattr like user.color="blue"')
    draft.say_xattr(words.text(name), spelling.to_bytes(words.text(value)))


def _content(draft: _Draft, line: Words) -> None:
    draft.say("content", spelling.to_bytes(line.text("the content")))


_AFTER: Final[dict[str, Callable[[_Draft, Words], None]]] = {
    "dir": _kind("directory"),
    "file": _kind("file"),
    "fifo": _kind("fifo"),
    "whiteout": _kind("whiteout"),
    "opaque": _kind("opaque"),
    "char": _device("char"),
    "block": _device("block"),
    "->": _link("symlink"),
    "==": _link("hardlink"),
    "acl": _acl(overlayfs.ACL_ACCESS),
    "default-acl": _acl(overlayfs.ACL_DEFAULT),
    "xattr": _xattr,
    "content": _content,
}
