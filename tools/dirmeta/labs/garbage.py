"""Collecting garbage seldom, in processes that go through many trees: many objects, and no cycles."""

from __future__ import annotations

import gc
from typing import Final

_OBJECTS: Final = 200_000
"""Objects made between two collections."""


def collect_seldom() -> None:
    """From now on; what there is already, modules mostly, is never looked at again."""
    gc.freeze()
    gc.set_threshold(_OBJECTS)
