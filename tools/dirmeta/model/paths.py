"""Names as tar streams spell them, and the paths they mean.

A *name* is text as it stands in a stream (``./usr//bin/``); a *path* is its cleaned form
(``usr/bin``, the root is ``""``). Bytes that are not UTF-8 are kept as lone surrogates, as
`os.fsdecode` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

ROOT = ""
NAME_MAX = 255
"""Bytes a file system allows in one component (limits.h)."""


@lru_cache(maxsize=1 << 16)
def clean(name: str) -> str:
    """The path a name means: no leading slash, no empty or ``.`` components, no trailing slash.

    ``..`` is kept: a name with it is never well formed, and nothing may resolve it silently.
    """
    if "//" not in name and "." not in name:
        return name.strip("/")
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def parent(path: str) -> str:
    """The path of the directory that holds `path`; the root's parent is the root."""
    return path.rpartition("/")[0]


def basename(path: str) -> str:
    return path.rpartition("/")[2]


@lru_cache(maxsize=1 << 16)
def ancestors(path: str) -> tuple[str, ...]:
    """Every directory above `path` but the root, nearest first: ``a/b/c`` gives ``a/b``, ``a``."""
    return tuple(_climb(path))


def _climb(path: str) -> Iterator[str]:
    while path := parent(path):
        yield path


def join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def below(path: str, directory: str) -> bool:
    """Whether `path` lies strictly below `directory`."""
    return path != directory if directory == ROOT else path.startswith(directory + "/")


def encoded_length(component: str) -> int:
    """Bytes `component` takes on disk."""
    return len(component.encode("utf-8", "surrogateescape"))


def has_long_name(path: str) -> bool:
    """Whether some component of `path` is longer than a file system allows."""
    if len(path) <= NAME_MAX // 4:  # a character takes at most 4 bytes
        return False
    return any(encoded_length(part) > NAME_MAX for part in path.split("/"))


def printable(text: str) -> str:
    r"""`text` on one line of a terminal: control characters and stray bytes as ``\xNN``."""
    return "".join(char if char.isprintable() and char != "\\" else _escape(char) for char in text)


def _escape(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if "\ud800" <= char < "\udc80" or (char > "\udcff" and char <= "\udfff"):
        return f"\\u{ord(char):04x}"  # no byte of any file name; only a hand-made case can hold it
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
