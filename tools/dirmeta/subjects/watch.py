"""Noticing that an unpacker has written outside its destination."""

from __future__ import annotations

from collections.abc import Callable

from dirmeta.observe.steps import Unpacked
from dirmeta.sandbox.canary import Canary


def watched(work: str, run: Callable[[str], Unpacked]) -> Unpacked:
    """What `run` returns, given the path of a canary in `work`; ``escaped`` where that was changed."""
    canary = Canary(work)
    try:
        ended = run(canary.path)
        changed = canary.changed()
    finally:
        canary.remove()
    if changed:
        return ended._replace(message=f"wrote outside DEST: {changed}", trouble="escaped")
    return ended
