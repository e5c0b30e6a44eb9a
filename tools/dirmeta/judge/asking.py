"""One engine, asked for named cases and for the witnesses of what is expected of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dirmeta.judge.answers import Held
from dirmeta.judge.composing import composed
from dirmeta.judge.corpus import Named, without_owners
from dirmeta.judge.expectations import Expectation
from dirmeta.judge.expecting_engines import Known, known, spoken_of
from dirmeta.judge.modelling import models
from dirmeta.judge.opening import UsageError
from dirmeta.model.semantics import Semantics
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.subjects.engines.base import TIMEOUT, Composed, Engine, Traits
from dirmeta.subjects.engines.world import World

Model = tuple[Semantics, str]
"""Semantics and their variant."""


def model_of(expect: str | None) -> Model | None:
    """The model that `--expect` names; None where nothing is. UsageError where there is no such model."""
    if not expect:
        return None
    for name, semantics, variant in models():
        if expect in (name, semantics):
            return semantics, variant
    raise UsageError(f"--expect {expect}: there are {', '.join(name for name, *_ in models())}")


def nothing(name: str) -> Sequence[Expectation]:
    """For who expects nothing of any engine."""
    return ()


@dataclass(frozen=True)
class Asked:
    """What is compared.

    probes   further cases, of which the rules alone are judged that they are there for
    timeout  seconds for one call of a program of the user's
    expect   the semantics that all are held to, None for those that each declares
    entries  name of an engine → what it is expected to do otherwise
    """

    subjects: tuple[str, ...]
    cases: tuple[Named, ...]
    timeout: float = TIMEOUT
    expect: Model | None = None
    entries: Callable[[str], Sequence[Expectation]] = nothing
    probes: tuple[Named, ...] = ()

    def traits(self, engine: Engine) -> Traits:
        """What an engine declares, with the semantics that it is held to."""
        return engine.traits if self.expect is None else engine.traits.following(*self.expect)

    def held(self, engine: Engine) -> Held:
        """What an engine is held to."""
        traits = self.traits(engine)
        again = f"dirmeta replay {{id}} --subject {engine.name}"
        again += f" --expect {traits.model}" * (self.expect is not None)
        again += f" --timeout {self.timeout:g}" * (self.timeout != TIMEOUT)
        return Held(engine.name, traits, again)


class Answers(NamedTuple):
    """What an engine made of cases.

    cases   as they were asked here
    probes  likewise; none of an engine whose layers can not be looked at
    seen    name of a case → what came of it
    """

    cases: tuple[Named, ...]
    probes: tuple[Named, ...]
    seen: Mapping[str, Composed]
    held: Held
    known: Known


def answers(engine: Engine, asked: Asked, world: World) -> Answers:
    """Ask an engine for everything. Raises EngineError.

    Who is not root asks for files of root's alone, in which less may go wrong, and calls nothing stale.
    """
    held = asked.held(engine)
    witnesses = spoken_of(asked.entries(engine.name), engine, held)
    probes = asked.probes if held.traits.diffs else ()
    every = (*asked.cases, *probes, *(each.named for each in witnesses))
    if not is_root():
        every = without_owners(every)
    seen = composed(world, every)
    cases, others = every[: len(asked.cases)], every[len(asked.cases) :]
    probes, named = others[: len(probes)], others[len(probes) :]
    found = known(zip(witnesses, named, strict=True), seen, held)
    return Answers(cases, probes, seen, held, found if is_root() else found.without_stale())


def is_root() -> bool:
    return os.geteuid() == 0 and not in_user_namespace()
