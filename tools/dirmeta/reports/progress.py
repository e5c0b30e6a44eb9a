"""A line that tells how far a run is, on a terminal; silence elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Rewrites one line of `stream` where that is a terminal."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self.stream = stream
        self.shown = stream.isatty()
        self.began = time.monotonic()
        self.failed = 0

    def tell(self, done: int, total: int, rule: str, verdict: str) -> None:
        self.failed += verdict in ("fail", "error")
        if self.shown:
            seconds = time.monotonic() - self.began
            bad = f", {self.failed} failed" if self.failed else ""
            self.stream.write(f"\r\x1b[K{done} of {total} checks{bad}  {seconds:.0f} s  {rule}")
            self.stream.flush()

    def clear(self) -> None:
        if self.shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
