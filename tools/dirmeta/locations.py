"""Where the suites and fixtures lie, and where caches and results go.

A wheel carries suites and fixtures inside the package; a checkout has them beside `tools`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path, user_state_path

CACHE_VARIABLE: Final = "DIRMETA_CACHE"
"""Environment variable: a directory for everything that the suite keeps, instead of the user's own."""

_PACKAGE: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _PACKAGE.parents[1]


def suites() -> Path:
    """The directory of the suites, to be given to pytest."""
    return _shipped("suites")


def fixtures() -> Path:
    """The directory of data, patches and examples."""
    return _shipped("fixtures")


def cache() -> Path:
    """For what can be made anew, such as kernel builds; absolute, and need not exist yet."""
    told = _told()
    return told if told else user_cache_path("dirmeta")


def results() -> Path:
    """For what a run found, such as the cases to replay; absolute, and need not exist yet."""
    told = _told()
    return told / "results" if told else user_state_path("dirmeta")


def _shipped(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _CHECKOUT / name


def _told() -> Path | None:
    told = os.environ.get(CACHE_VARIABLE)
    return Path(told).absolute() if told else None
