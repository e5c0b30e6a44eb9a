"""Several processes at work in one mount at the same time, and others that watch."""

from __future__ import annotations

import fcntl
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from dirmeta.observe.forks import Fork
from dirmeta.observe.kernel import Kernel
from dirmeta.observe.operate import Actor
from dirmeta.observe.steps import Operate, Outcome, Race, Raced

_START: Final = "race.start"
"""A file that is locked until all may begin."""
_END: Final = "race.end"
"""A file that is there once all have finished."""

Metadata = tuple[int, int, int]
Seen = dict[str, set[Metadata]]
Watched = tuple[Seen, Seen]
"""What was seen, and what who reads mode and owner of two looks would have."""


class Racers:
    """The processes of a job's races, forked for the first and kept; who forks has a single thread."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._actors: list[Fork[Sequence[Operate], list[Outcome]]] = []
        self._watchers: list[Fork[Sequence[str], Watched]] = []

    def race(self, step: Race) -> Raced:
        """Do the step."""
        while len(self._actors) < len(step.actors):
            self._actors.append(Fork(_nothing, self._act))
            self._watchers.append(Fork(_nothing, _watch))
        try:
            return self._race(step)
        finally:
            for name in (_START, _END):
                if os.path.lexists(name):
                    os.unlink(name)

    def _race(self, step: Race) -> Raced:
        running = list(zip(self._actors, self._watchers, step.actors, strict=False))
        with _held_back():
            for actor, watcher, operations in running:
                actor.ask(operations)
                watcher.ask(step.watched)
        outcomes = tuple(tuple(actor.answer()) for actor, *_ in running)
        os.close(os.open(_END, os.O_CREAT | os.O_WRONLY))
        watched = [watcher.answer() for _, watcher, _ in running]
        looks, mixed = (_together(each) for each in zip(*watched, strict=True))
        return Raced(outcomes, looks, mixed)

    def close(self) -> None:
        for actor in self._actors:
            actor.close()
        for watcher in self._watchers:
            watcher.close()
        self._actors, self._watchers = [], []

    def _act(self, todo: Sequence[Operate]) -> list[Outcome]:
        actor = Actor(self._kernel)
        _wait()
        return [actor.do(operation) for operation in todo]


def _together(watched: Iterable[Seen]) -> dict[str, frozenset[Metadata]]:
    found: defaultdict[str, set[Metadata]] = defaultdict(set)
    for each in watched:
        for path, seen in each.items():
            found[path] |= seen
    return {path: frozenset(seen) for path, seen in found.items()}


def _nothing() -> None:
    """A fork that needs no preparation."""


@contextmanager
def _held_back() -> Iterator[None]:
    """Nobody who waits begins before this ends."""
    fd = os.open(_START, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def _wait() -> None:
    fd = os.open(_START, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _watch(watched: Sequence[str]) -> Watched:
    """All that can be seen of some directories until the others have finished, and once after."""
    seen: Seen = {path: set() for path in watched}
    mixed: Seen = {path: set() for path in watched}
    last: dict[str, Metadata | None] = dict.fromkeys(watched)
    _wait()
    finished = False
    while not finished:
        finished = os.path.lexists(_END)
        for path in watched:
            now, before = _look(path), last[path]
            last[path] = now
            if now is None:
                continue
            seen[path].add(now)
            if before is not None and before != now:
                mixed[path] |= {(before[0], *now[1:]), (now[0], *before[1:])}
    return seen, mixed


def _look(path: str) -> Metadata | None:
    try:
        status = os.lstat(path)
    except OSError:  # it may be gone, or be somewhere else
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
