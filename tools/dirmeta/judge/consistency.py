"""Which models of overlayfs no mount that was seen contradicts, whatever the kernel claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dirmeta.judge.packs import split
from dirmeta.model.semantics import ALLOWED, Policies
from dirmeta.model.stack import Case
from dirmeta.rules.merging import Merging, merging_of
from dirmeta.rules.registry import Terms, Trial
from dirmeta.rules.seen import StackSeen

SAMPLE: Final = 128
"""Cases of a shard that are held against every model; all but the true one are out of the running soon."""
OF_MOUNTS: Final = ("fallback", "xattr_source", "value", "opaque_barrier", "root")
"""The policies that a view without an upper shows."""


class Consistency:
    """The mounts of a shard, held against topmost, delegate, and delegate with each single policy switched.

    compared  cases that were held against all of them
    """

    def __init__(self, terms: Terms) -> None:
        self.compared = 0
        self._models = _models(terms)
        self._judged = "delegate" if terms.delegate else "topmost"
        self._contradicted: set[str] = set()

    def look(self, trial: Trial, cases: Sequence[Case]) -> None:
        """One more mount, which shows all of `cases`."""
        merging = merging_of(trial) if isinstance(trial.seen, StackSeen) else None
        if merging is None:
            return
        if merging.differences:
            self._contradicted.add(self._judged)
        if self.compared < SAMPLE:
            self.compared += len(cases)
            for each in _by_case(trial, cases) if self._others() else ():
                if (single := merging_of(each)) is not None:
                    self._compare(single)

    def _others(self) -> set[str]:
        """The models that are still in the running, but the one that is judged by."""
        return self._models.keys() - self._contradicted - {self._judged}

    def _compare(self, merging: Merging) -> None:
        """Hold one case against the other models: most are out after a few, long before a pack ends."""
        for name in self._others():
            if replace(merging, terms=self._models[name]).differences:
                self._contradicted.add(name)

    def holding(self) -> dict[str, bool]:
        """Model → whether nothing contradicts it; nothing where no case was compared."""
        return {name: name not in self._contradicted for name in self._models} if self.compared else {}


def _by_case(trial: Trial, cases: Sequence[Case]) -> list[Trial]:
    if len(cases) == 1:
        return [trial]
    parts = split(trial.seen, len(cases), [len(case.stack) for case in cases])
    return [Trial(case, part, trial.terms) for case, part in zip(cases, parts, strict=True)]


def _models(terms: Terms) -> dict[str, Terms]:
    models = {name: replace(terms, delegate=name == "delegate") for name in ("topmost", "delegate")}
    for policy in OF_MOUNTS:
        for value in ALLOWED[policy]:
            if value != getattr(terms.policies, policy):
                switched: Policies = terms.policies.switched(policy, value)
                models[f"delegate with {policy}={value}"] = replace(terms, delegate=True, policies=switched)
    return models


def pooled(parts: Iterable[Mapping[str, bool]]) -> dict[str, bool]:
    """What several shards say of each model: it holds where it holds in all that compared something."""
    said = [part for part in parts if part]
    return {name: all(part.get(name, True) for part in said) for name in (said[0] if said else ())}
