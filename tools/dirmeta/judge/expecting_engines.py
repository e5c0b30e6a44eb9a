"""Expectations held against an engine, which is asked for their witnesses together with other cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from dirmeta.judge.answers import Held
from dirmeta.judge.corpus import Named
from dirmeta.judge.expectations import Expectation, entry_words
from dirmeta.judge.expected import Expected
from dirmeta.judge.kinds import Kind, kinds
from dirmeta.model.stack import Case
from dirmeta.rules.findings import Finding
from dirmeta.subjects.engines.base import Composed, Engine

UPDATE: Final = "dirmeta compare --update-expectations"


class Numbered(NamedTuple):
    """An expectation, and where it stands in its file."""

    number: int
    entry: Expectation

    @property
    def named(self) -> Named:
        """Its witness, as a case to ask for."""
        rules = () if self.entry.is_of_semantics else (self.entry.rule,)
        return Named(f"entry {self.number}", self.entry.rule, "", self.entry.case, rules)


class Known(NamedTuple):
    """What is known of an engine, once its witnesses were asked for again.

    shown  entries that are as true as ever
    gone   those whose witness breaks nothing any more
    """

    expected: Expected
    shown: tuple[Expectation, ...]
    gone: tuple[Expectation, ...]

    def without_stale(self) -> Known:
        """The same where no entry can be called stale."""
        return Known(replace(self.expected, stale={}), self.shown, ())


def spoken_of(entries: Iterable[Expectation], engine: Engine, held: Held) -> tuple[Numbered, ...]:
    """The entries that are about an engine, and of which its answers can tell whether they are true.

    Of what a layer-level subject does to layers `dirmeta run` can tell, and its witnesses may be hostile.
    """
    model = held.traits.model
    return tuple(
        Numbered(number, entry)
        for number, entry in enumerate(entries, 1)
        if entry.speaks_of(engine)
        and held.tells(entry.rule)
        and (entry.rule == model or not entry.is_of_semantics)
    )


def known(witnesses: Iterable[tuple[Numbered, Named]], seen: Mapping[str, Composed], held: Held) -> Known:
    """What entries come to, by their witnesses as they were asked for.

    seen  name of a witness → what the engine made of it
    """
    expected, shown, gone = Expected(), list[Expectation](), list[Expectation]()
    for (number, entry), named in witnesses:
        answer = seen[named.name]
        found = [each for each in held.findings(named, answer) if each.rule == entry.rule]
        if found:
            expected.add(held.witness(found[0], named.case, entry.note), all_kinds(found, named.case))
            shown.append(entry)
        elif held.tells(entry.rule):
            words = f"its witness does not break {entry.rule} any more; {UPDATE} drops it"
            expected.stale.setdefault(entry.rule, f"{entry_words(held.subject, number)}: {words}")
            gone.append(entry)
    return Known(expected, tuple(shown), tuple(gone))


def all_kinds(found: Iterable[Finding], case: Case) -> frozenset[Kind]:
    return frozenset(kind for finding in found for kind in kinds(finding, case))
