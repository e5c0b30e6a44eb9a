"""Broken unpackers and broken mounts, each a few lines and one sentence that names its defect.

A miniature says which rule it breaks; the suite is believed because that rule finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Defect = TypeVar("Defect", bound=Callable[..., Any] | type[Any])


@dataclass(frozen=True)
class Miniature:
    """A defect, the rule that has to find it, and the sentence that names it."""

    name: str
    breaks: str
    sentence: str
    defect: Any


class Collection(dict[str, Miniature]):
    """Miniatures of one kind by name; calling it registers one."""

    def __call__(self, *, breaks: str) -> Callable[[Defect], Defect]:
        def register(defect: Defect) -> Defect:
            assert defect.__doc__, "a miniature needs the sentence that names its defect"
            self[defect.__name__] = Miniature(defect.__name__, breaks, defect.__doc__, defect)
            return defect

        return register
