"""One mounted stack and the facts that MERGE claims ask about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.oracle import Place, View
from dirmeta.model.stack import Setup
from dirmeta.model.tree import Node, Tree
from dirmeta.rules import registry
from dirmeta.rules.findings import METADATA, Difference, Finding, differences
from dirmeta.rules.registry import Needs, Terms, Trial
from dirmeta.rules.seen import StackSeen
from dirmeta.rules.words import describe


@dataclass(frozen=True)
class Merging:
    """Diff directories as they are on disk, and the tree that their mount showed."""

    setup: Setup
    diffs: tuple[Tree, ...]
    seen: Tree
    terms: Terms

    @cached_property
    def view(self) -> View:
        return self._view(delegate=self.terms.delegate)

    @cached_property
    def unmarked_view(self) -> View:
        """What a kernel without the feature would show."""
        return self._view(delegate=False)

    def _view(self, *, delegate: bool) -> View:
        # Data-only layers stand lowest and are no part of the merge.
        diffs = self.diffs[data_only(self.setup) :]
        return oracle.merge(
            diffs, delegate=delegate, namespace=self.setup.namespace, policies=self.terms.policies
        )

    @cached_property
    def differences(self) -> list[Difference]:
        found = differences(self.view.tree, self.seen, self.terms.granularity)
        return [each for each in found if each.path != paths.ROOT or self.judges_root]

    @property
    def judges_root(self) -> bool:
        """With a fresh upper the mount's root is the upper's, which no layer describes."""
        return not self.setup.upper

    @property
    def mark(self) -> str:
        return overlayfs.mark_name(self.setup.namespace)

    @property
    def other_mark(self) -> str:
        return overlayfs.mark_name(overlayfs.OTHER[self.setup.namespace])

    def contributors(self, path: str) -> list[Node]:
        """The directories that merge at `path`, topmost first; none for a non-directory."""
        return [self.node(place) for place in self.view.contributors.get(path, ())]

    def marks(self, path: str) -> list[bool]:
        """Whether each contributor at `path` delegates."""
        namespace, policies = self.setup.namespace, self.terms.policies
        return [oracle.is_marked(node, namespace, policies) for node in self.contributors(path)]

    def node(self, place: Place) -> Node:
        return self.diffs[len(self.diffs) - 1 - place.layer][place.path]

    def layers_at(self, path: str) -> list[Node]:
        """Whatever each layer has at `path`, topmost first."""
        return [tree[path] for tree in reversed(self.diffs) if path in tree]


def data_only(setup: Setup) -> int:
    """How many of the lowest layers are data-only layers."""
    return sum(name == "datadir" for name, _ in setup.options)


Claim = Callable[[Difference, Merging], bool]


def claims(rule: str, needs: Needs | None = None) -> Callable[[Claim], Claim]:
    """Register a function that says whether a difference between views breaks `rule`."""

    def register(claim: Claim) -> Claim:
        def judge(trial: Trial) -> Iterator[Finding]:
            if trial.seen.failed:
                yield Finding(rule, "the mount", "mounted", trial.seen.failed)
            elif (merging := merging_of(trial)) is not None:
                for difference in merging.differences:
                    if claim(difference, merging):
                        want, saw = describe(difference)
                        yield Finding(rule, difference.path, want, saw, node=difference.saw)

        registry.judges(rule, StackSeen, needs, local=True)(judge)
        return claim

    return register


def merging_of(trial: Trial) -> Merging | None:
    """The trial's mount, held against the diff directories as they were seen; None without one."""
    if "merging" not in trial.memo:
        trial.memo["merging"] = _merging(trial)
    merging: Merging | None = trial.memo["merging"]
    return merging


def _merging(trial: Trial) -> Merging | None:
    seen = trial.seen
    if seen.merged is None or not all(layer.ok for layer in seen.layers):
        return None
    return Merging(trial.case.setup, tuple(layer.tree for layer in seen.layers), seen.merged, trial.terms)


def is_metadata(difference: Difference) -> bool:
    return difference.what in METADATA
