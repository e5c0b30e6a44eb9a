"""What an agent, and in a guest its kernel too, writes on its console."""

from __future__ import annotations

import os
import re
from typing import Final

_AGENT: Final = re.compile(r"dirmeta agent: (.*)")
_PANIC: Final = b"Kernel panic - not syncing"
_PIECE: Final = 1 << 16
_KEPT: Final = 1 << 22
"""Bytes after which no more are kept."""
_CLEAN: Final = re.compile(r"\x1b\[[0-9;]*m|\r")


class Console:
    """The text a guest writes into a pipe, whose ends are `reading` and, until it is closed, `writing`."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.reading, False)
        self._bytes = bytearray()
        self._seen = 0

    def hand_over(self) -> None:
        """The guest has its end now; ours is closed, so that its end is noticed."""
        os.close(self.writing)
        self.writing = -1

    def read(self) -> bool:
        """Take in a piece of what has been written; False at the end, when nobody can write any more."""
        try:
            piece = os.read(self.reading, _PIECE)
        except BlockingIOError:
            return True
        if len(self._bytes) < _KEPT:  # what floods it says the same again and again
            self._bytes += piece
        return bool(piece)

    def _read_all(self) -> None:
        """Take in what is there, as far as it is worth keeping."""
        size = -1
        while len(self._bytes) != size:
            size = len(self._bytes)
            self.read()

    def text(self) -> str:
        """All of it."""
        self._read_all()
        return _CLEAN.sub("", self._bytes.decode(errors="replace"))

    def news(self) -> str:
        """What has come since it was last asked for."""
        self._read_all()
        if len(self._bytes) == self._seen:
            return ""
        new = self._bytes[self._seen :]
        self._seen = len(self._bytes)
        return _CLEAN.sub("", new.decode(errors="replace"))

    def panicked(self) -> bool:
        """Whether the kernel has said that it will not go on."""
        return _PANIC in self._bytes

    def last_lines(self) -> str:
        """The end of it, on one line, for a message about a guest that did not come up."""
        lines = [line.strip() for line in self.text().splitlines() if line.strip()]
        return " | ".join(lines[-3:]) or "it said nothing"

    def close(self) -> None:
        os.close(self.reading)
        if self.writing >= 0:
            self.hand_over()


def last_word(text: str) -> str:
    """Why an agent gave up, as far as the text tells; nothing where it did not."""
    found = _AGENT.search(text)
    return found.group(1).strip() if found else ""
