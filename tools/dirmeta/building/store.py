"""Built subjects, under a key of their content; a name points to the one that was built under it last."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from dirmeta.subjects.built import FACTS, Built, home, read

_UNNAMED_KEPT: Final = 24 * 3600.0
"""Seconds: runs under way still use a build whose name was given to another."""


def get(key: str) -> Built | None:
    """The build with this key."""
    return read(_builds() / key)


def add(built: Built) -> Built:
    """Move a build's directory in and give its name to it; the same with its new place.

    The directory has to lie on the same file system, and nobody else may use it.
    """
    facts = {name: value for name, value in asdict(built).items() if name != "directory"}
    (built.directory / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
    place = _builds() / built.key
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    built.directory.rename(place)
    added = point(replace(built, directory=place))
    _sweep()
    return added


def point(built: Built) -> Built:
    """Give its name to a build that is here."""
    link = _names() / built.name
    link.parent.mkdir(parents=True, exist_ok=True)
    part = link.with_name(f".{link.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    part.symlink_to(os.path.relpath(_builds() / built.key, link.parent))
    part.replace(link)
    return built


def _sweep() -> None:
    named = {os.path.basename(os.readlink(link)) for link in _names().iterdir()}
    for place in _builds().iterdir():
        if place.name not in named and time.time() - place.stat().st_mtime >= _UNNAMED_KEPT:
            shutil.rmtree(place, ignore_errors=True)


def _builds() -> Path:
    return home() / "builds"


def _names() -> Path:
    return home() / "names"
