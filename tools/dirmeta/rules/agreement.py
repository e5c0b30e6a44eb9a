"""MERGE and UNPACK rules that compare what was seen in several ways; most need no oracle."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

from dirmeta.model import oracle, overlayfs
from dirmeta.model.entries import Entry
from dirmeta.model.listing import metadata_text
from dirmeta.model.stack import Layer
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.findings import Difference, Finding, differences
from dirmeta.rules.registry import Needs, Trial, judges, watches
from dirmeta.rules.seen import (
    Guarantees,
    Kept,
    LayerSeen,
    Looks,
    Pairs,
    StackSeen,
    Stranger,
    Switched,
    Twice,
    Views,
)
from dirmeta.rules.words import describe


def same(rule: str, needs: Needs) -> None:
    """Register the rule that all views of a case are alike."""

    @judges(rule, Views, needs)
    def all_views_are_alike(trial: Trial) -> Iterator[Finding]:
        if trial.seen.failed:
            yield Finding(rule, "the mount", "mounted", trial.seen.failed)
            return
        (first, expected), *others = trial.seen.views.items()
        for label, tree in others:
            for each in differences(expected, tree, trial.terms.granularity):
                want, saw = describe(each)
                yield Finding(rule, each.path, f"{want}    {first}", f"{saw}    {label}", node=each.saw)


same("MERGE-EQUIV", {"unmarked below marked": 0.1})
same("MERGE-MONOTONE", {"several layers": 0.3})
same("MERGE-OPTIONS", {"unmarked below marked": 0.1})
same("MERGE-NAMES", {"several layers": 0.3})


def as_expected(rule: str, needs: Needs) -> None:
    """Register the rule that everything is as it has to be."""

    @judges(rule, Pairs, needs)
    def all_pairs_are_alike(trial: Trial) -> Iterator[Finding]:
        if trial.seen.failed:
            yield Finding(rule, "the mount", "mounted", trial.seen.failed)
        for label, (expected, seen) in trial.seen.pairs.items():
            for each in differences(expected, seen, trial.terms.granularity):
                want, saw = describe(each)
                yield Finding(rule, each.path, want, f"{saw}    {label}", node=each.saw)


as_expected("MERGE-OPTIONS", {"unmarked below marked": 0.1})
as_expected("MERGE-BACKING", {"unmarked below marked": 0.1})
as_expected("MERGE-NESTED", {"unmarked below marked": 0.1})
as_expected("COMPAT-MOVE", {"unmarked below marked": 0.1})
as_expected("MERGE-NAMESPACE", {"other namespace's mark": 0.05, "unmarked below marked": 0.1})


@judges("MERGE-AGREE", Looks, {"several layers": 0.3})
def all_ways_of_asking_agree(trial: Trial) -> Iterator[Finding]:
    """Every way of asking for a directory's metadata gives the same answer."""
    if trial.seen.failed:
        yield Finding("MERGE-AGREE", "the mount", "mounted", trial.seen.failed)
    for path, ways in trial.seen.rows.items():
        (first, expected), *others = ways.items()
        for way, row in others:
            if row != expected:
                want, saw = metadata_text(*expected), metadata_text(*row)
                yield Finding("MERGE-AGREE", path, f"{want}    {first}", f"{saw}    {way}")


@judges("MERGE-INO", Guarantees, {"unmarked below marked": 0.1})
def identity_is_as_without_marks(trial: Trial) -> Iterator[Finding]:
    """Identity numbers keep the guarantees that they keep on the equal unmarked stack."""
    seen: Guarantees = trial.seen
    if seen.failed:
        yield Finding("MERGE-INO", "the mount", "mounted", seen.failed)
    for path in sorted(seen.marked.keys() | seen.unmarked.keys()):
        with_marks, without = seen.marked.get(path, frozenset()), seen.unmarked.get(path, frozenset())
        for guarantee in sorted(without - with_marks):
            yield Finding("MERGE-INO", path, guarantee, "that only without marks")


HIDDEN: Final = (errno.ENODATA, errno.EOPNOTSUPP)
"""How a kernel says that it has no such xattr: the second before 6.7."""


@judges("MERGE-PRIVATE", Kept, {"unmarked below marked": 0.1})
def the_mark_is_never_copied_up(trial: Trial) -> Iterator[Finding]:
    """The mark in the active namespace is never readable in the merged view, and never copied up."""
    seen: Kept = trial.seen
    mark = overlayfs.mark_name(trial.case.setup.namespace)
    if seen.failed:
        yield Finding("MERGE-PRIVATE", "the mount", "mounted", seen.failed)
    for path, number in seen.asked.items():
        if number not in HIDDEN:
            said = errno.errorcode.get(number, "a value")
            yield Finding("MERGE-PRIVATE", path, f"getxattr {mark}: ENODATA", said)
    listed = {path for path, names in seen.listed.items() if mark in names}
    listed |= {path for path, node in seen.merged.items() if node.xattr(mark) is not None}
    for path in sorted(listed):
        yield Finding("MERGE-PRIVATE", path, f"no {mark}", "it is listed")
    for path, node in seen.upper.items():
        if node.xattr(mark) is not None:
            yield Finding("MERGE-PRIVATE", path, f"no {mark} in the upper", "it was copied up")


@judges("MERGE-SWITCH", Switched, {"unmarked below marked": 0.1})
def the_option_switches(trial: Trial) -> Iterator[Finding]:
    """dirmeta_delegate=off is topmost, and on is delegation."""
    seen: Switched = trial.seen
    if seen.refused:
        yield Finding("MERGE-SWITCH", "the mount", "mounted", seen.refused)
        return
    namespace, policies = trial.case.setup.namespace, trial.terms.policies
    for label, tree, delegate in (("on", seen.on, True), ("off", seen.off, False)):
        view = oracle.merge(seen.diffs, delegate=delegate, namespace=namespace, policies=policies)
        for each in differences(view.tree, tree, trial.terms.granularity):
            want, saw = describe(each)
            yield Finding("MERGE-SWITCH", each.path, f"{want}    {label}", saw, node=each.saw)
    if not any(seen.shown.values()):
        yield Finding("MERGE-SWITCH", "the mount options", "on or off, whichever is no default", "neither")
    for label, said in seen.shown.items():
        if said not in ("", f"dirmeta_delegate={label}"):
            yield Finding("MERGE-SWITCH", "the mount options", f"dirmeta_delegate={label}", said)


@judges("UNPACK-ORDER", StackSeen, {"same entries in another order": 0.3})
def every_order_gives_the_same(trial: Trial) -> Iterator[Finding]:
    """Every permutation of a well-formed layer gives the same diff directory, marks included. One that is
    refused in whatever order is UNPACK-PARENTS's."""
    first: dict[tuple[Entry, ...], tuple[int, LayerSeen]] = {}
    every = list(enumerate(zip(trial.case.stack, trial.seen.layers, strict=True), 1))
    for number, (layer, seen) in sorted(every, key=lambda each: not each[1][1].ok):
        orbit = tuple(sorted(layer, key=_spelled))
        before, reference = first.setdefault(orbit, (number, seen))
        if not seen.ok:
            if reference.ok:
                want = f"unpacked    as layer {before}"
                yield Finding("UNPACK-ORDER", "the layer", want, seen.trouble or seen.refused, number)
            continue
        for each in _differing(trial, layer, reference.tree, seen.tree):
            if not _is_of_placeholder(each, layer):
                want, saw = describe(each)
                want = f"{want}    as layer {before}"
                yield Finding("UNPACK-ORDER", each.path, want, saw, number, each.saw, difference=each)


def _spelled(entry: Entry) -> tuple[str, str]:
    return entry.name, entry.kind


def _differing(trial: Trial, layer: Layer, one: Tree, other: Tree) -> Iterator[Difference]:
    """In what two unpackings of a layer differ, other than by the clock: a time that neither has as the
    layer says is that of unpacking, which no two have in common. That it is wrong is for other rules."""
    found = differences(one, other, trial.terms.granularity)
    said = oracle.expected_diff(layer, trial.case.setup, trial.terms.policies) if found else {}
    for each in found:
        if each.what != "mtime" or _is_said(each, said.get(each.path), trial.terms.granularity):
            yield each


def _is_said(each: Difference, said: Node | None, granularity: int) -> bool:
    """Whether one of two times is the one that the layer says."""
    times = {node.mtime // granularity for node in (each.want, each.saw) if node and node.mtime is not None}
    return said is not None and said.mtime is not None and said.mtime // granularity in times


def _is_of_placeholder(each: Difference, layer: Layer) -> bool:
    """A placeholder's own metadata is UNPACK-FALLBACK's, its marks are not."""
    own = each.what in ("mode", "uid", "gid", "mtime") or not overlayfs.is_overlay_private(each.name)
    implied = each.path in layer.implied or (not each.path and not layer.explicit.get(each.path))
    return implied and own and each.what not in ("missing", "extra", "kind")


@judges("UNPACK-OFF", Twice, {"implied directory": 0.3})
def off_makes_no_mark(trial: Trial) -> Iterator[Finding]:
    """Switched off, there is no mark anywhere and nothing else differs."""
    for number, (layer, on, off) in enumerate(zip(trial.case.stack, *trial.seen, strict=True), 1):
        if on.ok != off.ok:
            yield _of_two("UNPACK-OFF", "on", on, off, number)
        for path, node in off.tree.items():
            if any(name.endswith("." + overlayfs.MARK) for name, _ in node.xattrs):
                yield Finding("UNPACK-OFF", path, "no mark", "a mark", number)
        trees = (_without_marks(seen.tree if on.ok and off.ok else {}) for seen in (on, off))
        for each in _differing(trial, layer, *trees):
            want, saw = describe(each)
            want, saw = f"{want}    on", f"{saw}    off"
            yield Finding("UNPACK-OFF", each.path, want, saw, number, each.saw, difference=each)


def _of_two(rule: str, label: str, one: LayerSeen, other: LayerSeen, number: int) -> Finding:
    """Of two ways to unpack a layer one alone has given up; `label`: what the first way is called."""
    want, saw = (seen.trouble or seen.refused or "unpacked" for seen in (one, other))
    return Finding(rule, "the layer", f"{want}    {label}", saw, number)


def _without_marks(tree: Tree) -> Tree:
    return {
        path: node._replace(xattrs=tuple(pair for pair in node.xattrs if pair[0] not in overlayfs.MARKS))
        for path, node in tree.items()
    }


@judges("UNPACK-PARALLEL", Twice, {"implied directory": 0.3})
def together_is_as_one_by_one(trial: Trial) -> Iterator[Finding]:
    """Unpacking layers concurrently, or in any order, gives the same diff directories. One that is refused
    either way is UNPACK-PARENTS's."""
    for number, (layer, alone, together) in enumerate(zip(trial.case.stack, *trial.seen, strict=True), 1):
        if not (alone.ok and together.ok):
            if alone.ok != together.ok:
                yield _of_two("UNPACK-PARALLEL", "alone", alone, together, number)
            continue
        for each in _differing(trial, layer, alone.tree, together.tree):
            want, saw = describe(each)
            if not _is_of_placeholder(each, layer):
                want = f"{want}    alone"
                yield Finding("UNPACK-PARALLEL", each.path, want, saw, number, each.saw, difference=each)


@watches("MERGE-UNREADABLE", Stranger, {"mark out of reach": 0.5})
def a_mark_out_of_reach(trial: Trial) -> Iterator[str]:
    """A mark that the mounter may not read: no mark, or the look-up fails."""
    seen: Stranger = trial.seen
    top = trial.case.stack[-1].entries[0]
    if seen.failed:
        yield f"the mount fails: {seen.failed}"
    elif seen.number:
        yield f"the look-up fails: {errno.errorcode.get(seen.number, str(seen.number))}"
    else:
        yield "it counts as no mark" if seen.mtime == top.mtime else "it counts as a mark"
