"""How pytest-xdist hands out items: those of one shard of a family go to one worker, which judges it once."""

from __future__ import annotations

import re
from typing import Final

from xdist.scheduler import LoadScopeScheduling

_OF_A_SHARD: Final = re.compile(r"(?P<family>.+)::[A-Z]+-[A-Z]+(?P<shard>\[\d+\])")


def shard_of(nodeid: str) -> str:
    """``test_source.py::source::MERGE-MODE[1]`` → ``test_source.py::source[1]``; other items are alone."""
    found = _OF_A_SHARD.fullmatch(nodeid)
    return found["family"] + found["shard"] if found else nodeid


class ShardScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Not ``--dist=loadgroup``: its groups are written into items' ids, which newer pytest does not allow."""

    def _split_scope(self, nodeid: str) -> str:
        return shard_of(nodeid)
