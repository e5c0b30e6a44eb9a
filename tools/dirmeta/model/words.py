r"""The words of a layer listing: bare or quoted, on one line, and what they stand for.

A word is a run of bare characters and quoted strings; what whitespace, quotes, backslashes, a leading
``#``, unprintable characters or bytes outside UTF-8 are part of stands in double quotes, where ``\xNN``
is a byte, ``\"`` and ``\\`` are themselves, and ``\n`` and ``\t`` are read too.
"""

from __future__ import annotations

import re
from typing import Final

from dirmeta.model import paths, spelling

RESERVED: Final = frozenset(("setup", "layer", "then", "as", "without", "option", "(empty)"))
"""Words that open or divide a line; a name that is one of them is quoted."""

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_TOKEN: Final = re.compile(rf'\s*(?:(?P<comment>#.*)|(?P<word>(?:{_QUOTED}|[^\s"\\])+))', re.DOTALL)
_PAIR: Final = re.compile(rf'({_QUOTED}|[^"=]+)=({_QUOTED}|[^"]+)', re.DOTALL)
_BARE: Final = re.compile(r"""[^\s"'\\#=]+""")
_ESCAPE: Final = re.compile(r'\\(x[0-9a-fA-F]{2}|["\\nt]|.)', re.DOTALL)
_ESCAPED: Final = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


def split(line: str) -> list[str]:
    """The words of a line as they stand there, without its comment. ValueError where it has none."""
    words, at, end = [], 0, len(line.rstrip())
    while at < end:
        match = _TOKEN.match(line, at)
        if match is None:
            rest = line[at:].strip()
            raise ValueError(f"{rest[:30]!r} has an open quote, or a backslash outside quotes")
        if match["word"]:
            words.append(match["word"])
        at = match.end()
    return words


def word(text: str) -> str:
    """`text` as one word, quoted where it has to be."""
    plain = _BARE.fullmatch(text) and text.isprintable() and text not in RESERVED
    return text if plain else quoted(text)


def quoted(text: str) -> str:
    """`text` in quotes. ValueError where a surrogate in it stands for no byte."""
    spelling.to_bytes(text)
    return '"' + "".join(_escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in spelling.to_bytes(char))


def pair(name: str, value: str) -> str:
    """``name="value"``."""
    return f"{word(name)}={quoted(value)}"


def text(word: str) -> str:
    """What a word stands for. ValueError where it is not bare or quoted as a whole."""
    if '"' not in word:
        return word
    if not re.fullmatch(_QUOTED, word, re.DOTALL):
        raise ValueError(f"{word!r} is quoted in part; put it in quotes as a whole")
    return spelling.to_text(b"".join(_unescaped(word[1:-1])))


def _unescaped(inside: str) -> list[bytes]:
    parts, at = [], 0
    for match in _ESCAPE.finditer(inside):
        parts.append(spelling.to_bytes(inside[at : match.start()]))
        parts.append(_character(match[1]))
        at = match.end()
    return [*parts, spelling.to_bytes(inside[at:])]


def _character(escape: str) -> bytes:
    if escape in _ESCAPED:
        return _ESCAPED[escape].encode()
    if len(escape) == 1:
        raise ValueError(f'\\{paths.printable(escape)} is no escape; there are \\xNN, \\", \\\\, \\n and \\t')
    return bytes.fromhex(escape[1:])


def split_pair(word: str) -> tuple[str, str] | None:
    """Name and value of ``name=value`` as they stand there; None where `word` is no such thing."""
    match = _PAIR.fullmatch(word)
    return (match[1], match[2]) if match else None


class Words:
    """The words of a line that are still to be read."""

    def __init__(self, line: list[str]) -> None:
        self._left = line[::-1]

    def __bool__(self) -> bool:
        return bool(self._left)

    @property
    def next(self) -> str:
        """The next word as it stands, which stays; "" where there is none."""
        return self._left[-1] if self._left else ""

    def take(self, what: str = "") -> str:
        """The next word as it stands; `what` names it where there is none."""
        if not self._left:
            raise ValueError(f"{what} is missing at the end")
        return self._left.pop()

    def text(self, what: str) -> str:
        """What the next word stands for."""
        return text(self.take(what))

    def pair(self, what: str) -> tuple[str, str]:
        """Name and value, as they stand, of the next word."""
        word = self.take(what)
        if (pair := split_pair(word)) is None:
            raise ValueError(f"{word!r} is not {what}")
        return pair
