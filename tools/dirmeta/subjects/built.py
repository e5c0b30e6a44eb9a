"""Programs that the suite builds for its subjects (`dirmeta subject build`), found by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dirmeta import locations
from dirmeta.subjects.base import SubjectError

FACTS: Final = "built.json"
"""The file that is written last, so that a directory with it is complete."""


@dataclass(frozen=True)
class Built:
    """What came of a build.

    name       what it was built as
    version    of the source
    directory  has the programs
    recipe     digest of what the suite puts into it
    key        digest of all that it is made from
    """

    name: str
    version: str
    directory: Path
    recipe: str
    key: str

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.directory / name)


def home() -> Path:
    """Where everything about built subjects is kept."""
    return locations.cache() / "subjects"


def ingredients(name: str) -> list[Path]:
    """The suite's own files that a subject is made with: patches and programs."""
    return sorted((locations.fixtures() / "subjects").glob(f"{name}-*"))


def recipe(name: str) -> str:
    """A digest of these files."""
    return digest(*(part for file in ingredients(name) for part in (file.name.encode(), file.read_bytes())))


def digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:32]


def find(name: str) -> Built:
    """The build of this name. Raises SubjectError where there is none, or it is out of date."""
    built = read(home() / "names" / name)
    command = f"run: dirmeta subject build {name}"
    if built is None:
        raise SubjectError(f"{name}: not built yet; {command}")
    if built.recipe != recipe(name):
        raise SubjectError(f"{name}: its patch or program is another by now; {command}")
    return built


def read(place: Path) -> Built | None:
    """What lies in a directory, or where a link leads; None where nothing does."""
    try:
        facts = json.loads((place / FACTS).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Built(directory=place.resolve(), **facts)
