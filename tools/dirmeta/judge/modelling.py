"""What each semantics says of the root file system that an engine makes of a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dirmeta.model import flat
from dirmeta.model.entries import Entry
from dirmeta.model.semantics import DEFAULT, SEMANTICS, VARIANTS, Policies, Semantics
from dirmeta.model.stack import Case, Layer
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.findings import Difference, differences
from dirmeta.subjects.engines.base import Traits

_OTHER_TIME: Final = "1"


def models() -> Iterator[tuple[str, Semantics, str]]:
    """Every model as (how it is written, semantics, variant)."""
    for semantics in SEMANTICS:
        for variant in VARIANTS.get(semantics, ("",)):
            yield f"{semantics}/{variant}" if variant else semantics, semantics, variant


def expected(case: Case, traits: Traits) -> Tree | None:
    """The root file system by the semantics that an engine declares, less what it declares not to keep; None
    where they have the image refused. What is stamped with the time of unpacking has the mtime None."""
    taken = case if traits.whiteouts else _as_files(case)
    policies = replace(DEFAULT, placeholder_mode=traits.placeholder_mode)
    tree = flat.predict(taken, traits.semantics, traits.variant, policies)
    if tree is not None and traits.placeholder_mtime == "now" and traits.semantics != "fixed":
        tree = _stamped(tree, taken, traits, policies)
    return None if tree is None else {path: _kept(node, traits) for path, node in tree.items()}


def _as_files(case: Case) -> Case:
    """The case as a tool reads it to which whiteouts are files."""
    return replace(case, stack=tuple(Layer(tuple(map(_as_file, layer))) for layer in case.stack))


def _as_file(entry: Entry) -> Entry:
    return replace(entry, kind="file") if entry.kind in ("whiteout", "opaque") else entry


def _stamped(tree: Tree, case: Case, traits: Traits, policies: Policies) -> Tree:
    """`tree` with the time of every placeholder None: those are the times that the policy has a say in."""
    others = replace(policies, placeholder_mtime=_OTHER_TIME)
    other = flat.predict(case, traits.semantics, traits.variant, others) or {}
    return {
        path: node if node.mtime == other[path].mtime else node._replace(mtime=None)
        for path, node in tree.items()
    }


def _kept(node: Node, traits: Traits) -> Node:
    kept = node._replace(xattrs=tuple(pair for pair in node.xattrs if traits.keeps(pair[0])))
    if not traits.links:
        kept = kept._replace(link="")
    if not traits.times:
        kept = kept._replace(mtime=0)
    return kept if traits.owners else kept._replace(uid=0, gid=0)


def deviations(want: Tree, saw: Tree, traits: Traits, began: int, ended: int) -> list[Difference]:
    """Everything in which a root file system is not as a model has it, the root itself left out.

    began, ended: ns between which what is stamped with the time of unpacking has to lie
    """
    timed = {path: _timed(node, saw.get(path), began, ended) for path, node in want.items() if path}
    looked_at = {path: _compared(node, traits) for path, node in saw.items() if path}
    return [
        each._replace(want=want.get(each.path), saw=_stamped_now(each.saw, began, ended))
        for each in differences(timed, looked_at)
    ]


def is_of_semantics(difference: Difference) -> bool:
    """Whether it says something of how layers are put together: which names there are, and what directories
    show. A tool may besides lose what an entry says of a file."""
    if difference.what in ("missing", "extra", "kind"):
        return True
    return difference.want is not None and difference.want.kind == "directory"


def _timed(want: Node, saw: Node | None, began: int, ended: int) -> Node:
    """`want` with a time where "now" is wanted and something else was seen."""
    if want.mtime is not None or saw is None or is_now(saw, began, ended):
        return want
    return want._replace(mtime=ended)


def _stamped_now(saw: Node | None, began: int, ended: int) -> Node | None:
    """`saw` as it is told: with the time None where that is the time of unpacking."""
    return saw._replace(mtime=None) if saw is not None and is_now(saw, began, ended) else saw


def is_now(saw: Node, began: int, ended: int) -> bool:
    """Whether it was stamped with the time of unpacking."""
    return saw.mtime is None or began <= saw.mtime <= ended


def _compared(node: Node, traits: Traits) -> Node:
    """What was seen, less what says nothing of the image."""
    if not traits.links:
        node = node._replace(link="")
    if not traits.times:
        node = node._replace(mtime=0)
    if not traits.notes or not node.xattrs:
        return node
    return node._replace(xattrs=tuple(pair for pair in node.xattrs if pair[0] not in traits.notes))
