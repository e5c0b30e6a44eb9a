"""Real tools built from source, patched, for subjects.

A module a tool, with what it needs, how it is made and a row in `BUILDS`; patches and programs that go in are
``fixtures/subjects/NAME-*``. What comes of it is found by `dirmeta.subjects.built`, by that name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dirmeta.building import containersstorage
from dirmeta.kernels.process import Listener
from dirmeta.subjects.built import Built

__all__ = ["BUILDS"]

BUILDS: Final[dict[str, Callable[[Listener], Built]]] = {"containers-storage": containersstorage.build}
"""What can be built: name → how. Each raises SubjectError or KernelError in one line where it can not."""
