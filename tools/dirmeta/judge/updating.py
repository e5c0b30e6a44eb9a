"""A subject's expectations brought up to date with a run that has learned what it deviates in."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from dirmeta.judge import versions
from dirmeta.judge.bench import Bench
from dirmeta.judge.expectations import Expectation, file_of
from dirmeta.judge.expected import Expected
from dirmeta.judge.expecting import replayed
from dirmeta.judge.opening import UsageError
from dirmeta.judge.results import Witness
from dirmeta.model import codec
from dirmeta.subjects.base import Subject


class Updated(NamedTuple):
    """What the file is to hold, and how many of its entries are kept, new and gone."""

    entries: tuple[Expectation, ...]
    kept: int
    added: int
    dropped: int

    def __str__(self) -> str:
        remedy = "; write a reason and a link for each of them" if self.added else ""
        return f"{self.kept} entries kept, {self.dropped} dropped, {self.added} added{remedy}"


def writable(spec: str) -> Path:
    """The file to be written. UsageError where there is none or it can not be written."""
    file = file_of(spec)
    if file is None:
        raise UsageError(f"{spec}: expectations are kept for subjects that have a name of their own")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UsageError(f"{file}: it can not be written; update expectations in a checkout that can be")
    return file


def updated(
    bench: Bench,
    subject: Subject,
    entries: Iterable[Expectation],
    learned: Iterable[Witness],
    rules: Collection[str],
) -> Updated:
    """The subject's entries less those that are stale, and one for each thing learned that is not among them.

    An entry that this bench can not tell of is kept: of another version or option, or of no rule of `rules`.
    """
    known = Expected()
    kept, dropped = list[Expectation](), 0
    for entry in entries:
        shown = replayed(entry, bench) if entry.speaks_of(subject) and entry.rule in rules else None
        if shown is not None and shown.stale:
            dropped += 1
            continue
        kept.append(entry)
        if shown is not None and shown.witness is not None:
            known.add(shown.witness, shown.kinds)
    added = _added(bench, subject, known, learned)
    return Updated((*kept, *added), len(kept), len(added), dropped)


def _added(
    bench: Bench, subject: Subject, known: Expected, learned: Iterable[Witness]
) -> Sequence[Expectation]:
    """Entries for what is not known, those first that ask for the least around it and so cover others."""
    tried = [_entry(subject, witness) for witness in learned]
    shown = [(entry, replayed(entry, bench).kinds) for entry in tried]
    added = []
    for entry, kinds in sorted(shown, key=lambda pair: sum(len(kind.place) for kind in pair[1])):
        if not known.knows(entry.rule, kinds):
            known.kinds.setdefault(entry.rule, set()).update(kinds)
            added.append(entry)
    return added


def _entry(subject: Subject, witness: Witness) -> Expectation:
    options = subject.name.partition(",")[2]
    only_this = versions.exactly(subject.version)  # it may have come or go with any other
    return Expectation(witness.rule, "", "", only_this, options, codec.from_json(witness.case))
