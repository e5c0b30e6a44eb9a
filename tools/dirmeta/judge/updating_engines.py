"""The expectations of engines brought up to date: what is new is learned, what is stale is dropped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dirmeta.judge import expectations
from dirmeta.judge.asking import Asked, answers, is_root
from dirmeta.judge.expectations import Expectation
from dirmeta.judge.expecting_engines import Known
from dirmeta.judge.learning import learned
from dirmeta.judge.opening import UsageError
from dirmeta.judge.updating import Updated, writable
from dirmeta.subjects.base import SubjectError, UnknownSubject
from dirmeta.subjects.engines.table import engine
from dirmeta.subjects.engines.world import World


class Lesson(NamedTuple):
    """What came of one configuration of an engine.

    options  in its name
    model    that it is held to
    diffs    whether rules for unpackers are judged by its diff directories
    """

    options: str
    model: str
    known: Known
    learned: tuple[Expectation, ...]
    diffs: bool = True

    def could_teach(self, entry: Expectation) -> bool:
        """Whether it is asked at all what the entry says."""
        return self.model == entry.rule if entry.is_of_semantics else self.diffs


def files(specs: Iterable[str]) -> dict[Path, list[str]]:
    """Each file that is to be written, and whose. UsageError where one has none or it can not be written."""
    found: dict[Path, list[str]] = defaultdict(list)
    for spec in specs:
        found[writable(spec)].append(spec)
    return found


def update(asked: Asked, tell: Callable[[str], None]) -> Iterator[str]:
    """Write the files of all engines that are asked, and say of each what was done, where something was.

    tell  hears of each engine before it is asked
    Raises UsageError. Engines that are not to be had are left alone, and so are their files.
    """
    for file, specs in files(asked.subjects).items():
        lessons = [lesson for spec in specs for lesson in _lessons(spec, asked, tell)]
        new = updated(expectations.load(specs[0]), lessons)
        if new.added or new.dropped:
            try:
                expectations.write(file, new.entries)
            except OSError as error:
                raise UsageError(f"{file}: {error.strerror}; the expectations were not written") from None
            yield f"{file}: {new}"


def _lessons(spec: str, asked: Asked, tell: Callable[[str], None]) -> Iterator[Lesson]:
    tell(spec)
    try:
        subject = engine(spec, asked.timeout)
        if subject.root and not is_root():
            return
        with World(subject) as world:
            found = answers(subject, asked, world)
            new = tuple(learned(subject, found, world))
    except UnknownSubject:
        raise
    except SubjectError:
        return
    traits = found.held.traits
    yield Lesson(subject.name.partition(",")[2], traits.model, found.known, new, traits.diffs)


def updated(entries: Sequence[Expectation], lessons: Sequence[Lesson]) -> Updated:
    """What a file is to hold: its entries, less what is stale, and what was learned. An entry that is stale
    for some configurations alone goes on for the others."""
    kept, dropped = list[Expectation](), 0
    for entry in entries:
        if any(entry in lesson.known.gone for lesson in lessons):
            dropped += 1
            still = (lesson.options for lesson in lessons if entry in lesson.known.shown)
            kept += [replace(entry, options=options) for options in still]
        else:
            kept.append(entry)
    added = _added(lessons)
    return Updated((*kept, *added), len(kept), len(added), dropped)


def _added(lessons: Sequence[Lesson]) -> list[Expectation]:
    """What was learned; without options where all configurations that are held to the same have taught it."""
    taught: dict[Expectation, list[str]] = defaultdict(list)
    for lesson in lessons:
        for entry in lesson.learned:
            taught[replace(entry, options="")].append(lesson.options)
    added = []
    for entry, by in taught.items():
        could = [each.options for each in lessons if each.could_teach(entry)]
        added += [entry] if by == could else [replace(entry, options=options) for options in by]
    return added
