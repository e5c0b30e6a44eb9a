"""Engines that experiments ask for root file systems, each in a world that is started once a process."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from functools import cache
from typing import Final

from dirmeta.labs.base import LabError
from dirmeta.labs.snapshots import btrfs
from dirmeta.model.stack import Stack
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.subjects import subject
from dirmeta.subjects.base import SubjectError
from dirmeta.subjects.engines import table
from dirmeta.subjects.engines.applied import Applied
from dirmeta.subjects.engines.base import Composed, Engine
from dirmeta.subjects.engines.world import World

BTRFS: Final = "btrfs"

_worlds: dict[str, World] = {}


def engine(spec: str) -> Engine:
    """The engine of ``btrfs:SUBJECT`` or what `dirmeta compare` takes. Raises SubjectError."""
    kind, colon, rest = spec.partition(":")
    if colon and kind == BTRFS:
        return btrfs(subject(rest))
    return table.engine(spec)


@cache
def lacking(spec: str) -> str:
    """Why there is no such engine here, with the remedy; or nothing."""
    try:
        made = engine(spec)
    except SubjectError as why:
        return str(why)
    if made.root and (os.geteuid() or in_user_namespace()):
        return f"{spec} needs root; run it with sudo"
    return ""


def none_of(specs: Sequence[str], remedy: str) -> str:
    """Why root has not one of several engines, with the remedy; or nothing. Who is not root can have none."""
    if os.geteuid() or in_user_namespace() or not all(map(lacking, specs)):
        return ""
    return f"compared with no storage driver, as none is here: {', '.join(specs)}; {remedy}"


def keeps_times(spec: str) -> bool:
    """Whether what is made in a directory never changes its time. Of real drivers none sees to that in full;
    umoci does for the directory itself, not for the one above where it makes two."""
    return spec.partition(":")[0] in (Applied.how, BTRFS)


def composed(spec: str, stack: Stack) -> Composed:
    """What an engine makes of a stack. Raises LabError where it is not to be had, or breaks down."""
    try:
        if spec not in _worlds:
            _worlds[spec] = World(engine(spec))
        return _worlds[spec].compose(stack)
    except SubjectError as why:
        if world := _worlds.pop(spec, None):
            world.close()
        raise LabError(f"{spec}: {why}") from why


@atexit.register
def close() -> None:
    """End all worlds."""
    while _worlds:
        _worlds.popitem()[1].close()
