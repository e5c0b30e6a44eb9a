"""An engine's answers to cases, held against semantics and against the rules for unpackers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from dirmeta.judge import diffs, modelling
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
    """Everything in which an answer is not as the semantics of `traits` have it: these are what is broken."""
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

    def findings(self, case: Case, seen: Composed) -> Iterator[Finding]:
        """Everything in which an answer is not as those semantics have it, and all by which its diff
        directories break rules that fail."""
        trial = diffs.trial_of(case, seen.layers, self.traits)
        return chain(contradictions(case, seen, self.traits), diffs.findings(trial) if trial else ())

    def tells(self, rule: str, case: Case, seen: Composed) -> bool:
        """Whether that answer says anything of a rule, or of the semantics of that name."""
        return rule == self.traits.model or diffs.trial_of(case, seen.layers, self.traits) is not None

    def witness(self, finding: Finding, case: Case, note: str = "") -> Witness:
        """A finding told in the order a person asks, and stored for `dirmeta replay`."""
        where, number = finding.where or ".", store(case)
        if finding.layer:
            where += f"    in the diff directory of layer {finding.layer}"
        return Witness(
            number, finding.rule, codec.to_json(case), listing.render(case), where, finding.want,
            finding.saw, f"unpacker: {self.subject}", self.again.format(id=number), note=note,
        )  # fmt: skip
