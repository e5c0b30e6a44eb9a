"""Ctrl-C, which a terminal sends to every process of a run, while some of them are still being started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """Take no interrupt meanwhile. Processes started here hold it back too, until they `take` it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        take()


def take() -> None:
    """Take interrupts from now on, and one that was held back at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
