"""PARITY: the delegated overlay beside other ways to make one file system of the same layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dirmeta.model import paths
from dirmeta.model.entries import Entry
from dirmeta.model.stack import Layer, Stack
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.findings import Difference, Finding, What, differences
from dirmeta.rules.merging import Merging, merging_of
from dirmeta.rules.registry import Trial, judges, watches
from dirmeta.rules.seen import APPLIED, Sights
from dirmeta.rules.words import describe, presence

_FIELDS: Final[tuple[What, ...]] = ("mode", "uid", "gid", "mtime")


def _unlike(path: str, want: Node | None, saw: Node | None, trial: Trial) -> Iterator[Difference]:
    """In which metadata two directories differ; a time of None is any."""
    own = _bare(path, want), _bare(path, saw)
    for each in differences(*own, trial.terms.granularity):
        if each.what != "mtime" or trial.terms.policies.parity_mtime == "compare":
            yield each


def _bare(path: str, node: Node | None) -> Tree:
    """A directory with its metadata and nothing else; of what is none, that it is none."""
    if node is None:
        return {}
    return {path: Node(node.kind, *node[1:5]) if node.kind == "directory" else Node(node.kind)}


def _findings(rule: str, unlike: Iterator[Difference], beside: str) -> Iterator[Finding]:
    for each in unlike:
        want, saw = describe(each)
        yield Finding(rule, each.path, f"{want}    {beside}", saw, node=each.saw)


def _not_mounted(rule: str, seen: Sights) -> Iterator[Finding]:
    if seen.failed:
        yield Finding(rule, "the mount", "mounted", seen.failed)


@judges("PARITY-DRIVERS", Sights, {"explicit elsewhere": 0.3})
def agrees_with_layers_applied(trial: Trial) -> Iterator[Finding]:
    """Where a directory that merges has an entry somewhere, both ways show the same metadata."""
    yield from _not_mounted("PARITY-DRIVERS", trial.seen)
    merging, applied = merging_of(trial), trial.seen.views.get(APPLIED)
    if merging is None or applied is None or _is_followed(trial.case.stack):
        return
    contradicted = contradictions(trial.case.stack) | emptied_late(trial.case.stack)
    for path in sorted(merging.view.contributors.keys() - {paths.ROOT}):
        if _is_explicit(path, merging, trial.case.stack) and not _at_or_above(path, contradicted):
            unlike = _unlike(path, applied.get(path), merging.seen.get(path), trial)
            yield from _findings("PARITY-DRIVERS", unlike, f"as {trial.seen.by} applies the layers")


@watches("PARITY-DRIVERS", Sights)
def who_applied_layers(trial: Trial) -> Iterator[str]:
    """What the delegated overlay was compared with."""
    if trial.seen.merged is not None and trial.seen.views.get(APPLIED) is not None:
        yield f"compared with {trial.seen.by}"


def _is_explicit(path: str, merging: Merging, stack: Stack) -> bool:
    """Whether some layer whose directory merges at `path` has an entry for it."""
    return any(
        place.path in stack[len(stack) - 1 - place.layer].explicit
        for place in merging.view.contributors[path]
    )


def contradictions(stack: Stack) -> frozenset[str]:
    """The paths that are a directory in one layer and something else in another."""
    directories = {path for layer in stack for path in (*layer.explicit, *layer.implied)}
    return frozenset(path for layer in stack for path in layer.others if path in directories)


def emptied_late(stack: Stack) -> frozenset[str]:
    """Directories with an opaque marker that comes after what the same layer has put into directories below
    them which it implies.

    The marker is to spare that; containers/storage 1.43 and containerd 1.6 remove the implied directory with
    all that is in it.
    """
    return frozenset(
        marker.path
        for layer in stack
        for number, marker in enumerate(layer)
        if marker.kind == "opaque"
        for entry in layer.entries[:number]
        if any(_is_between(up, marker.path, entry.path) for up in layer.implied)
    )


def _is_between(path: str, above: str, below: str) -> bool:
    return above in (*paths.ancestors(path), paths.ROOT) and path in paths.ancestors(below)


def _is_followed(stack: Stack) -> bool:
    """Whether entries of one layer lie below a symlink of another, which leads them to some other place."""
    contradicted = contradictions(stack)
    return any(entry.kind == "symlink" and entry.path in contradicted for layer in stack for entry in layer)


def _at_or_above(path: str, among: frozenset[str]) -> bool:
    return path in among or any(up in among for up in paths.ancestors(path))


@judges("PARITY-BOOTC", Sights, {"explicit elsewhere": 0.5})
def zero_stays_zero(trial: Trial) -> Iterator[Finding]:
    """Over a base whose times are all 0, and below layers of files only, a directory's time stays 0."""
    yield from _not_mounted("PARITY-BOOTC", trial.seen)
    base, *above = trial.case.stack or (Layer(),)
    merged: Tree | None = trial.seen.merged
    if merged is None or not _is_a_base(base) or not all(map(_is_payload, above)):
        return
    for path in sorted(base.explicit.keys() - {paths.ROOT}):
        saw = merged.get(path)
        if saw is not None and saw.kind == "directory" and saw.mtime != 0:
            difference = Difference(path, "mtime", saw._replace(mtime=0), saw)
            yield from _findings("PARITY-BOOTC", iter((difference,)), "as the base has it")


def _is_a_base(layer: Layer) -> bool:
    return all(entry.mtime == 0 for entry in layer)


def _is_payload(layer: Layer) -> bool:
    """Whether a layer has nothing but files and the like."""
    return len(layer.others) == len(layer)


@judges("PARITY-REUSE", Sights, {"explicit elsewhere": 0.5})
def each_base_shows(trial: Trial) -> Iterator[Finding]:
    """What the topmost layer implies has the metadata of the base that it is put over, each time."""
    yield from _not_mounted("PARITY-REUSE", trial.seen)
    if not trial.case.stack:
        return
    payload = trial.case.stack[-1]
    for number in range(1, len(trial.case.stack)):
        alone, over = (trial.seen.views.get(label(number)) for label in (alone_label, over_label))
        for path in sorted(_lent(payload)) if alone is not None and over is not None else ():
            if path in alone and alone[path].kind == "directory":
                unlike = _unlike(path, alone[path], over.get(path), trial)
                yield from _findings("PARITY-REUSE", unlike, f"layer {number} alone")


def alone_label(number: int) -> str:
    """The view of one base."""
    return f"layer {number}"


def over_label(number: int) -> str:
    """The view of the topmost layer over that base."""
    return f"the topmost layer over layer {number}"


def _lent(layer: Layer) -> Iterator[str]:
    """What a layer implies and hides nothing of."""
    hidden = layer.whiteouts | layer.opaques
    return (path for path in layer.implied if not _at_or_above(path, hidden))


ON, OFF = "on", "off"
"""The views of one mount with the feature and one without."""


@judges("PARITY-CHUNKAH", Sights, {"re-declared parent": 0.3})
def nothing_to_delegate(trial: Trial) -> Iterator[Finding]:
    """Where every layer has entries for all its directories, the feature changes nothing."""
    yield from _not_mounted("PARITY-CHUNKAH", trial.seen)
    on, off = (trial.seen.views.get(label) for label in (ON, OFF))
    if on is None or off is None or any(layer.implied for layer in trial.case.stack):
        return
    unlike = iter(differences(off, on, trial.terms.granularity))
    yield from _findings("PARITY-CHUNKAH", unlike, "with the feature off")


@judges("PARITY-OPAQUE", Sights, {"opaque below marked": 0.05})
def the_deviation_is_the_named_one(trial: Trial) -> Iterator[Finding]:
    """An opaque marker without its directory's entry ends the search, or by policy hides names alone."""
    yield from _not_mounted("PARITY-OPAQUE", trial.seen)
    passes = trial.terms.policies.opaque_barrier == "pass"
    for path, applied, merging in _only_hidden(trial):
        want, beside = merging.view.tree.get(path), "as the layers from there up have it"
        if passes:
            want, beside = applied, f"as {trial.seen.by} applies the layers"
        unlike = _unlike(path, want, merging.seen.get(path), trial)
        yield from _findings("PARITY-OPAQUE", unlike, beside)


@watches("PARITY-OPAQUE", Sights, {"opaque below marked": 0.05})
def what_opaque_markers_do(trial: Trial) -> Iterator[str]:
    """Whether both ways show the same directory."""
    for path, applied, merging in _only_hidden(trial):
        if any(_unlike(path, applied, merging.seen.get(path), trial)):
            yield "the mount shows the marker's own directory, not the entry below"
        else:
            yield "the same both ways"


def _only_hidden(trial: Trial) -> Iterator[tuple[str, Node | None, Merging]]:
    """Directories whose names a layer hides, that only layers below it have an entry for; what stands there
    where layers are applied one over another, and the mount."""
    stack: Stack = trial.case.stack
    merging, applied = merging_of(trial), trial.seen.views.get(APPLIED)
    if merging is None or applied is None:
        return
    for number, layer in enumerate(stack):
        for path in sorted(layer.opaques - layer.explicit.keys() - layer.whiteouts - {paths.ROOT}):
            if _has_entry(path, stack[:number]) and not any(
                _speaks(path, each) for each in stack[number + 1 :]
            ):
                yield path, applied.get(path), merging


def _has_entry(path: str, below: Sequence[Layer]) -> bool:
    """Whether the topmost layer that says something of `path` itself has an entry for it."""
    for layer in reversed(below):
        if path in layer.explicit:
            return True
        if _speaks(path, layer):
            return False
    return False


def _speaks(path: str, layer: Layer) -> bool:
    """Whether a layer has an entry for a directory, or something that hides it."""
    hides = layer.whiteouts | layer.others.keys()
    return (
        path in layer.explicit
        or _at_or_above(path, frozenset(hides))
        or _at_or_above(path, layer.opaques - {path})
    )


@watches("PARITY-SYMLINK", Sights)
def what_becomes_of_symlinks(trial: Trial) -> Iterator[str]:
    """What both ways show in the place of a symlink below an implied directory."""
    yield from _both_ways(trial, ("symlink",))


@watches("PARITY-NONDIR", Sights)
def what_becomes_of_files(trial: Trial) -> Iterator[str]:
    """What both ways show in the place of something else below an implied directory."""
    yield from _both_ways(trial, ("file", "hardlink", "fifo", "char", "block"))


def _both_ways(trial: Trial, kinds: tuple[str, ...]) -> Iterator[str]:
    seen: Sights = trial.seen
    if seen.merged is None:
        return
    for path, entry in sorted(_covered(trial.case.stack).items()):
        if entry.kind in kinds:
            other = "refuses the layers" if seen.refused else presence(seen.views[APPLIED].get(path))
            yield f"the mount shows {presence(seen.merged.get(path))}, {seen.by} {other}"


def _covered(stack: Stack) -> dict[str, Entry]:
    """Path → its entry, of all that is no directory where a layer above implies one, with no whiteout."""
    found: dict[str, Entry] = {}
    for number, layer in enumerate(stack):
        for path in layer.implied:
            below = next((each for each in reversed(stack[:number]) if _speaks(path, each)), None)
            if below is not None and path in below.others and not _at_or_above(path, layer.whiteouts):
                found[path] = below.others[path]
    return found


@watches("PARITY-ROOTOPQ", Sights)
def what_a_root_marker_does(trial: Trial) -> Iterator[str]:
    """Whether names of the layers below an opaque layer root show, both ways."""
    seen, stack = trial.seen, trial.case.stack
    markers = [number for number, layer in enumerate(stack) if paths.ROOT in layer.opaques]
    if not markers or seen.merged is None:
        return
    gone = _named(stack[: markers[-1]]) - _named(stack[markers[-1] :]) - {paths.ROOT}
    ways = (("the mount", seen.merged), (seen.by, seen.views.get(APPLIED)))
    if gone:
        yield ", ".join(f"{name} {_keeps(gone, tree)}" for name, tree in ways)


def _named(stack: Stack) -> set[str]:
    """All paths of which a layer has something."""
    return {path for layer in stack for path in (*layer.explicit, *layer.implied, *layer.others)}


def _keeps(names: set[str], tree: Tree | None) -> str:
    if tree is None:
        return "refuses the layers"
    return "shows what lies below" if names & tree.keys() else "shows nothing of it"
