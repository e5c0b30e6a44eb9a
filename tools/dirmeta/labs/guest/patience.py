"""How long a guest is waited for."""

from __future__ import annotations

from typing import Final

JOB_TIMEOUT: Final = 20.0
"""Seconds for the jobs of one call; a guest that takes longer hangs."""
SHORT: Final = 5.0
"""The same where a hang has come again, and is to come many times more while its case is reduced."""


class Patience:
    """Loses some with a hang that comes again: the first may be that of a busy machine, and is confirmed with
    all the time there is."""

    def __init__(self) -> None:
        self._hangs = 0

    @property
    def seconds(self) -> float:
        return SHORT if self._hangs > 1 else JOB_TIMEOUT

    def hung(self) -> None:
        self._hangs += 1

    def answered(self) -> None:
        self._hangs = 0
