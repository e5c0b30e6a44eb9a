"""Witnesses on disk: the cases that showed something, by their short id."""

from __future__ import annotations

from pathlib import Path

from dirmeta import locations
from dirmeta.model import codec
from dirmeta.model.stack import Case


def store(case: Case) -> str:
    """Keep a case for `dirmeta replay`; its id. A place that can not be written is no reason to fail:
    reports carry the case too."""
    number = codec.case_id(case)
    folder = directory()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.json").write_text(codec.dumps(case) + "\n", "ascii")
    except OSError:
        pass
    return number


def load(number: str) -> Case | None:
    """The case of that id, or None where there is none."""
    path = directory() / f"{number}.json"
    return codec.loads(path.read_text("ascii")) if path.is_file() else None


def directory() -> Path:
    return locations.results() / "witnesses"
