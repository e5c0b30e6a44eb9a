"""An engine's answers to cases, held against semantics and against the rules for unpackers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from dirmeta.judge import diffs, modelling
from dirmeta.judge.corpus import Named
from dirmeta.judge.results import Witness
from dirmeta.judge.witnesses import store
from dirmeta.model import codec, listing
from dirmeta.model.stack import Case
from dirmeta.rules.findings import Finding
from dirmeta.rules.words import describe
from dirmeta.subjects.engines.base import Composed, Traits

IMAGE: Final = "the image"
"""What a finding is about where an image was refused, or should have been."""


def contradictions(case: Case, seen: Composed, traits: Traits) -> Iterator[Finding]:
    """Everything in which an answer is not as the semantics of `traits` have it: these are what is broken.
    Of a case that is not well formed they say nothing."""
    if case.malformed:
        return
    rule = traits.model
    want = modelling.expected(case, traits)
    if want is not None and seen.tree is not None:
        for each in modelling.deviations(want, seen.tree, traits, seen.began, seen.ended):
            yield Finding(rule, each.path, *describe(each), difference=each)
    elif seen.tree is not None:
        yield Finding(rule, IMAGE, "refused", "composed")
    elif want is not None:
        yield Finding(rule, IMAGE, "composed", f"refused: {seen.refused}")


@dataclass(frozen=True)
class Held:
    """What an engine is held to.

    subject  its name
    traits   with the semantics that it is held to
    again    the command that asks it for a case again, with {id} for the case
    """

    subject: str
    traits: Traits
    again: str

    def findings(self, named: Named, seen: Composed) -> Iterator[Finding]:
        """Everything in which an answer is not as those semantics have it, and all by which its diff
        directories break rules that fail. What is there for certain rules is about nothing else."""
        trial = diffs.trial_of(named.case, seen, self.traits)
        of_layers = diffs.findings(named, trial) if trial else ()
        return chain(() if named.rules else contradictions(named.case, seen, self.traits), of_layers)

    def tells(self, rule: str) -> bool:
        """Whether its answers say anything of a rule, or of the semantics of that name."""
        return rule == self.traits.model or self.traits.diffs

    def witness(self, finding: Finding, case: Case, note: str = "") -> Witness:
        """A finding told in the order a person asks, and stored for `dirmeta replay`."""
        where, number = finding.where or ".", store(case)
        if finding.layer:
            where += f"    in the diff directory of layer {finding.layer}"
        return Witness(
            number, finding.rule, codec.to_json(case), listing.render(case), where, finding.want,
            finding.saw, f"unpacker: {self.subject}", self.again.format(id=number), note=note,
        )  # fmt: skip
