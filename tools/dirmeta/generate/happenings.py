"""What happens in a program, for those who count whether a rule's situation was met."""

from __future__ import annotations

import errno
from collections.abc import Set
from functools import lru_cache
from typing import Final

from dirmeta.model import program
from dirmeta.model.mounted import How
from dirmeta.model.rehearsal import rehearsed
from dirmeta.model.stack import Case

_DECIDED: Final = (
    "ACCESS-DAC", "ACCESS-STICKY", "ACCESS-SETGID", "ACCESS-ACL", "ACCESS-OWNER", "ACCESS-MOVE",
    "inherits an ACL", "copied up", "changed", "touched", "settled", "renamed", "refused rename", "own xattr",
    "refused by ACCESS-STICKY", "refused by ACCESS-OWNER", "recreated",
)  # fmt: skip
HAPPENINGS: Final = frozenset((
    *_DECIDED, *(f"delegated {each}" for each in _DECIDED),
    "widened by the placeholder", "remounted", "failed", "read-only", "switched", "switched back", "swapped",
    "caches dropped", "held",
))  # fmt: skip
"""``delegated`` where the directory that decides, or to which it happens, shows another's metadata."""


@lru_cache(maxsize=64)
def happenings(case: Case) -> Set[str]:
    """What happens in a case's program, where marks are heeded; some of `HAPPENINGS`."""
    found: set[str] = set()
    how = How(True, case.setup.namespace, options=frozenset(case.setup.options))
    for operation, (state, expected) in zip(case.program, rehearsed(case, how), strict=True):
        arguments = program.arguments(operation)
        if expected is None:
            found.add({"drop-caches": "caches dropped", "swap": "swapped"}.get(operation.op, "remounted"))
            if "feature" in arguments:
                found.add("switched back" if arguments["feature"] == "on" else "switched")
            continue
        found |= expected.notes
        found |= {"held"} if state.held else set()
        changes = operation.op in program.CHANGES
        if changes and (state.read_only or expected.number not in (0, None, errno.ENOENT)):
            found.add("failed")
        found |= {"read-only"} if changes and state.read_only else set()
    return found & HAPPENINGS
