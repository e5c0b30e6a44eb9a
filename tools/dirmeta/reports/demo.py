"""The demonstration as text: two listings, and which lines differ."""

from __future__ import annotations

from typing import Final, NamedTuple

from dirmeta.judge.demo import Shown
from dirmeta.subjects.engines.listing import Wanted

_FIELDS: Final = 8
"""Columns of ``ls -l --time-style=full-iso`` before the name."""


class Line(NamedTuple):
    """What `ls` says of a name that the feature may change: mode, owner, group and time."""

    mode: str
    owner: str
    group: str
    time: str


def demo_text(wanted: Wanted, before: Shown, after: Shown) -> str:
    """Both listings, lines that differ marked in the second one."""
    changed = differing(before.text, after.text)
    told = [*_block("before", before, wanted, frozenset()), "", *_block("after", after, wanted, changed), ""]
    if changed:
        told.append(f"{len(changed)} of {len(_lines(after.text))} lines differ, marked >")
    else:
        told.append("nothing differs: no layer adds to a directory here without an entry for it")
    return "\n".join(told)


def differing(before: str, after: str) -> frozenset[str]:
    """The names of which two listings say something else."""
    one, other = _lines(before), _lines(after)
    return frozenset(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _block(title: str, shown: Shown, wanted: Wanted, marked: frozenset[str]) -> list[str]:
    head = f"{title}: {shown.storage}, kernel {shown.kernel}"
    rows = [
        f"{'>' if _name(line) in marked else ' '} {line}" for line in shown.text.splitlines() if _name(line)
    ]
    return [head, f"  $ ls -l --time-style=full-iso /{wanted.directory}", *rows]


def _lines(text: str) -> dict[str, Line]:
    found = {}
    for line in text.splitlines():
        if name := _name(line):
            mode, _, owner, group, _, *time = line.split(maxsplit=_FIELDS)[:_FIELDS]
            found[name] = Line(mode, owner, group, " ".join(time))
    return found


def _name(line: str) -> str:
    """The name that a line is about, a link's without where it leads; "" for the line of the total."""
    columns = line.split(maxsplit=_FIELDS)
    return columns[_FIELDS].partition(" -> ")[0] if len(columns) > _FIELDS else ""
