"""What a guest's kernel says on its console, and how it tells that something is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dirmeta.labs.native.console import Console, last_word

_TROUBLE: Final = (
    ("panic", re.compile(r"Kernel panic - not syncing: (?!Attempted to kill init)(.*)|Kernel mode fault.*")),
    ("oops", re.compile(r"\bOops\b.*|BUG: (unable to handle|kernel NULL).*|general protection fault.*")),
    ("bug", re.compile(r"kernel BUG at .*")),
    ("KASAN", re.compile(r"BUG: KASAN.*")),
    ("UBSAN", re.compile(r"UBSAN: .*")),
    ("lockdep", re.compile(r"WARNING: (possible|inconsistent|bad unlock|suspicious RCU|held lock).*")),
    ("atomic sleep", re.compile(r"BUG: (sleeping function|scheduling while atomic).*")),
    ("hung task", re.compile(r"INFO: task .* blocked for more than.*|.*soft lockup.*|.*detected stall.*")),
    ("bug", re.compile(r"\bBUG\b.*")),
    ("warning", re.compile(r"WARNING: .*")),
)
"""What it is called, and the line that says it; the first that fits counts."""
_INIT: Final = "Attempted to kill init"
"""What a kernel panics with when its first process, the agent, is gone: no fault of the kernel's."""
_TAIL: Final = 12


def explanation(console: Console, reasons: Iterable[tuple[tuple[str, ...], str]]) -> str:
    """Why a guest has not come up: what is known to be behind something it has said, or its last words.

    reasons  pieces of text, any of which tells, and what they mean
    """
    text = console.text()
    known = (why for signs, why in reasons if any(sign in text for sign in signs))
    return next(known, "") or console.last_lines()


def agent_failure(text: str) -> str:
    """Why our own agent in the guest gave up, as far as the console tells; nothing where it did not."""
    if said := last_word(text):
        return said
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
