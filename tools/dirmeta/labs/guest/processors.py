"""The processors of a guest: how many it is asked to have, and where those of the host are that run them."""

from __future__ import annotations

import os
from typing import Final

_OPTION: Final = ",cpus="


class CpusError(ValueError):
    """Processors that no guest can have on this machine; one line that says how many it can."""


def split(spec: str) -> tuple[str, int]:
    """``NAME[,cpus=N]`` as name and number, 1 where none is given. Raises CpusError."""
    name, comma, given = spec.rpartition(_OPTION)
    if not comma:
        return spec, 1
    most = len(os.sched_getaffinity(0))
    if not given.isdecimal() or not 1 <= int(given) <= most:
        raise CpusError(f"cpus={given}: a number from 1 to {most} is wanted there, and nothing after it")
    return name, int(given)


def pinned(worker: int, count: int) -> frozenset[int]:
    """Processors of the host for the guest of the worker with that number; empty where there is no choice."""
    usable = sorted(os.sched_getaffinity(0), reverse=True)
    if count >= len(usable):
        return frozenset()
    return frozenset(usable[(worker * count + each) % len(usable)] for each in range(count))
