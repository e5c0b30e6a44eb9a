"""What a guest's kernel says on its console, and how it tells that something is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

_TROUBLE: Final = (
    ("panic", re.compile(r"Kernel panic - not syncing: (?!Attempted to kill init)(.*)|Kernel mode fault.*")),
    ("oops", re.compile(r"\bOops\b.*|BUG: (unable to handle|kernel NULL).*|general protection fault.*")),
    ("bug", re.compile(r"kernel BUG at .*")),
    ("KASAN", re.compile(r"BUG: KASAN.*")),
    ("lockdep", re.compile(r"WARNING: (possible|inconsistent|bad unlock|suspicious RCU|held lock).*")),
    ("atomic sleep", re.compile(r"BUG: (sleeping function|scheduling while atomic).*")),
    ("hung task", re.compile(r"INFO: task .* blocked for more than.*|.*soft lockup.*|.*detected stall.*")),
    ("bug", re.compile(r"\bBUG\b.*")),
    ("warning", re.compile(r"WARNING: .*")),
)
"""What it is called, and the line that says it; the first that fits counts."""
_AGENT: Final = re.compile(r"dirmeta agent: (.*)")
_INIT: Final = "Attempted to kill init"
"""What a kernel panics with when its first process, the agent, is gone: no fault of the kernel's."""
_PANIC: Final = b"Kernel panic - not syncing"
_PIECE: Final = 1 << 16
_KEPT: Final = 1 << 22
"""Bytes after which no more are kept."""
_TAIL: Final = 12
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


def explanation(console: Console, reasons: Iterable[tuple[tuple[str, ...], str]]) -> str:
    """Why a guest has not come up: what is known to be behind something it has said, or its last words.

    reasons  pieces of text, any of which tells, and what they mean
    """
    text = console.text()
    known = (why for signs, why in reasons if any(sign in text for sign in signs))
    return next(known, "") or console.last_lines()


def agent_failure(text: str) -> str:
    """Why our own agent in the guest gave up, as far as the console tells; nothing where it did not."""
    if found := _AGENT.search(text):
        return found.group(1).strip()
    return "it crashed" if _INIT in text and not trouble(text)[0] else ""


def trouble(text: str) -> tuple[str, str]:
    """What kind of trouble a piece of console text tells of, and the line that does; ("", "") for none."""
    for line in text.splitlines():
        for kind, pattern in _TROUBLE:
            if found := pattern.search(line):
                return kind, found.group(0).strip()
    return "", ""


def excerpt(text: str) -> tuple[str, ...]:
    """The lines from the first that tells of trouble on, as many as a report has room for."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    first = next(
        (number for number, line in enumerate(lines) if trouble(line)[0]), max(0, len(lines) - _TAIL)
    )
    return tuple(lines[first : first + _TAIL])
