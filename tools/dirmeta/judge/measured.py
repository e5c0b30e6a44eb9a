"""What subjects were measured to show before the suite could do it: ``fixtures/compare/measured.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from dirmeta import locations
from dirmeta.judge.corpus import Named
from dirmeta.judge.matrix import Row
from dirmeta.judge.opening import UsageError

MEASURED: Final = "compare/measured.toml"


class Measured(NamedTuple):
    """A subject's line of the table: shows is case → cell, spelled as `matrix.Cell.saw`."""

    version: str
    shows: Mapping[str, str]


class Change(NamedTuple):
    """A cell that is not as it was measured.

    version  that was measured, where another one was seen now; else "": then this is a failure
    """

    subject: str
    case: str
    was: str
    saw: str
    version: str


def measured(file: Path | None = None) -> dict[str, Measured]:
    """Subject → its line. Raises UsageError, which names what is wrong."""
    file = file or locations.fixtures() / MEASURED
    try:
        lines: list[dict[str, Any]] = tomllib.loads(file.read_text("utf-8"))["subject"]
        return {line["name"]: Measured(line["version"], line["shows"]) for line in lines}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from None
    except KeyError as error:
        raise UsageError(f"{file}: a subject lacks {error}; it has name, version and shows") from None


def of_the_table(cases: Sequence[Named]) -> tuple[Named, ...]:
    """The cases that were measured."""
    known = {case for line in measured().values() for case in line.shows}
    return tuple(each for each in cases if each.name in known)


class Held(NamedTuple):
    """How much of the table was held against what was seen, in cells.

    compared  with what the same version showed
    other     of other versions, which is not judged
    """

    compared: int
    other: int

    def words(self, measured: int) -> str:
        """``90 of 252 measured cells compared, 9 of other versions``; measured: how many there are."""
        other = f", {self.other} of other versions" if self.other else ""
        return f"{self.compared} of {measured} measured cells compared{other}"


def held(rows: Sequence[Row], table: Mapping[str, Measured]) -> Held:
    """What of the table the judged subjects were held against."""
    cells = [
        known.version == row.version
        for row in rows
        if (known := table.get(row.subject))
        for cell in row.cells
        if cell.case in known.shows
    ]
    return Held(sum(cells), len(cells) - sum(cells))


def changes(rows: Sequence[Row], table: Mapping[str, Measured]) -> Iterator[Change]:
    """Every cell of a judged subject that is not as it was measured; what was not measured has none."""
    for row in rows:
        known = table.get(row.subject, Measured(row.version, {}))
        other = "" if known.version == row.version else known.version
        for cell in row.cells:
            was = known.shows.get(cell.case, cell.saw)
            if cell.saw != was:
                yield Change(row.subject, cell.case, was, cell.saw, other)
