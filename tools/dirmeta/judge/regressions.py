"""A bug report as a case: what its reporter saw, by the model of that tool, and what delegation does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from dirmeta.judge.facts import Facts
from dirmeta.model import flat, rehearsal
from dirmeta.model.mounted import How
from dirmeta.model.semantics import Policies, Semantics
from dirmeta.model.stack import Case
from dirmeta.model.tree import Node, Tree

Who = Literal["damaged", "delegated"]
"""What the tool of the report shows, and what delegation does."""


@dataclass(frozen=True)
class Sight:
    """One path that a report speaks of: what is seen there under the tool's semantics, and delegated."""

    path: str
    damaged: Facts
    delegated: Facts


@dataclass(frozen=True)
class Regression:
    """A bug report as a case.

    name       of the file, which begins with repository and number of the first report
    reports    ``owner/repository#number``
    saw        what the reporter saw
    tool       that had it, with version and driver
    semantics, variant, policies   the model of that tool
    case       the layers; with layout=model they are laid out with the marks that the listing has; and what
               is done in a mount of them, after which all is shown, if the report is about that
    rules      that judge it on a lab
    beyond     why delegation can not repair it, or nothing
    """

    name: str
    title: str
    reports: tuple[str, ...]
    saw: str
    tool: str
    semantics: Semantics
    variant: str
    policies: Policies
    case: Case
    rules: tuple[str, ...]
    shows: tuple[Sight, ...]
    beyond: str = ""

    @cached_property
    def damaged(self) -> Tree | None:
        """What the tool makes of the layers, and of a program; None where it refuses them."""
        if self.case.program:
            return self._after(delegate=False)
        return flat.predict(self.case, self.semantics, self.variant, self.policies)

    @cached_property
    def delegated(self) -> Tree | None:
        """What delegation does."""
        if self.case.program:
            return self._after(delegate=True)
        return flat.predict(self.case, "delegate")

    def _after(self, *, delegate: bool) -> Tree:
        setup = self.case.setup
        how = How(delegate, setup.namespace, options=frozenset(setup.options))
        return rehearsal.ended(self.case, how).mounted.view.tree

    def contradictions(self) -> list[str]:
        """Where the file says something else than the oracle, one line each."""
        found = []
        for who in get_args(Who):
            for sight in self.shows:
                told: Facts = getattr(sight, who)
                if wrong := told.unlike(self.node(sight.path, who)):
                    found.append(f"{sight.path or '.'}: {who} is {told}, and the oracle has {wrong}")
        return found

    def remaining(self) -> list[str]:
        """The paths at which delegation shows the damage too."""
        return [
            sight.path for sight in self.shows if not sight.damaged.unlike(self.node(sight.path, "delegated"))
        ]

    def node(self, path: str, who: Who) -> Node | None:
        tree: Tree | None = getattr(self, who)
        return tree.get(path) if tree is not None else None
