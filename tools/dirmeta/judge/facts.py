"""A few facts about one path, as the file of a regression tells them; what is not told may be anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from dirmeta.model import spelling
from dirmeta.model.listing import time_text
from dirmeta.model.listing_entry import moment
from dirmeta.model.tree import Node, NodeKind

NOTHING: Final = "nothing"
"""The kind of what is not there."""
NOW: Final = "now"
"""A time that the tool takes from the clock."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FactsError(ValueError):
    """What is wrong with a table of facts, on one line."""


@dataclass(frozen=True)
class Facts:
    """Name of a fact → its value; the names are the fields of `Node`, and those of xattrs.

    kind may be `NOTHING`, mtime is `NOW` or nanoseconds since the epoch, an xattr's None where it is absent.
    """

    told: Mapping[str, object]

    def __str__(self) -> str:
        return _words(self.told)

    def unlike(self, node: Node | None) -> str:
        """What a node has instead of that which it is told to have, in words; or nothing."""
        return _words(
            {name: _fact(name, node) for name, value in self.told.items() if _fact(name, node) != value}
        )


def _fact(name: str, node: Node | None) -> object:
    if node is None:
        return NOTHING if name == "kind" else None
    if name == "mtime" and node.mtime is None:
        return NOW
    return getattr(node, name) if name in _READERS else node.xattr(name)


def _words(told: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_word(name, value)}" for name, value in told.items())


def _word(name: str, value: object) -> str:
    if isinstance(value, bytes):
        return f'"{spelling.to_text(value)}"'
    if isinstance(value, int) and name == "mode":
        return f"{value:04o}"
    return time_text(value) if isinstance(value, int) and name == "mtime" else str(value)


def facts(data: object) -> Facts:
    """What a TOML table tells. Raises FactsError."""
    if not isinstance(data, dict) or not data:
        raise FactsError("what is seen is a table like {mode = 0o1777}")
    told: dict[str, object] = {}
    for name, value in data.items():
        if name == "xattr" and isinstance(value, dict):
            told |= {key: _xattr(key, text) for key, text in value.items()}
        elif name not in _READERS:
            raise FactsError(f"{name} is no fact; there are {', '.join(_READERS)} and xattr.NAME")
        else:
            told[name] = _READERS[name](name, value)
    return Facts(told)


def _xattr(name: str, value: object) -> bytes | None:
    if value is False:
        return None
    if not isinstance(value, str):
        raise FactsError(f"xattr {name} is words, or false where there is none")
    return spelling.to_bytes(value)


def _kind(name: str, value: object) -> str:
    kinds = (*get_args(NodeKind), NOTHING)
    if value not in kinds:
        raise FactsError(f"kind {value!r} is not {' or '.join(kinds)}")
    return str(value)


def _number(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise FactsError(f"{name} is a number{', like 0o1777' if name == 'mode' else ''}, not {value!r}")
    return value


def _time(name: str, value: object) -> int | str:
    if value == NOW:
        return NOW
    if isinstance(value, str) and value.count(" ") == 1:  # TOML has no nanoseconds
        try:
            return moment(*value.split(" "))
        except ValueError as error:
            raise FactsError(f"mtime {value!r}: {error}") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise FactsError(f'mtime is "now" or a time like 1970-01-01T00:00:00Z, not {value!r}')
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000


_READERS: Final[dict[str, Callable[[str, Any], object]]] = {
    "kind": _kind,
    "mode": _number,
    "uid": _number,
    "gid": _number,
    "mtime": _time,
    "target": lambda name, value: str(value),
}
