"""Whose fault a finding is, and which model of layers would have it so."""

from __future__ import annotations

from dirmeta.model import flat
from dirmeta.model.semantics import SEMANTICS, VARIANTS
from dirmeta.model.tree import Tree
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.findings import MISBEHAVIOUR, Finding
from dirmeta.rules.merging import Merging, merging_of
from dirmeta.rules.registry import Trial
from dirmeta.rules.seen import Sights, StackSeen
from dirmeta.rules.unpack import unpackings


def blame(trial: Trial, finding: Finding, subject: str) -> str:
    """The unpacker, the mount or the kernel, and why."""
    if finding.where == MISBEHAVIOUR:
        return "kernel: it misbehaved while this case was laid out, mounted or looked at"
    rule = catalogue()[finding.rule]
    contested = ""
    if rule.status == "C":
        switches = ", ".join(rule.policy)
        contested = f"; the rule is contested{f', policy {switches} switches it' if switches else ''}"
    if rule.family == "UNPACK":
        return f"unpacker: {subject}{contested}"
    if trial.case.setup.layout == "model":
        return f"mount: the diff directories were laid out by the suite{contested}"
    off = [number for number, each in unpackings(trial) if each.differences] if _unpacked(trial) else []
    if not off:
        return f"mount: all diff directories are as they should be{contested}"
    layers = ", ".join(map(str, off))
    return (
        f"mount: judged by its diff directories as they are; layer {layers} is not as it should be{contested}"
    )


def _unpacked(trial: Trial) -> bool:
    return isinstance(trial.seen, StackSeen | Sights)


def source_words(trial: Trial, finding: Finding) -> str:
    """``    layer 1, policy delegate``: where the wanted metadata of a merged directory comes from."""
    merging = _merging(trial, finding)
    if merging is None or finding.where not in merging.view.source:
        return ""
    layer = len(merging.diffs) - merging.view.source[finding.where].layer
    return f"    layer {layer}, policy {'delegate' if trial.terms.delegate else 'topmost'}"


def who_has_it_so(trial: Trial, finding: Finding) -> str:
    """``    layer 2, as policy topmost has it``: which layer and which semantics explain what was seen."""
    merging = _merging(trial, finding)
    node = finding.node
    if merging is None or node is None or node.kind != "directory":
        return ""
    words = []
    for number, tree in reversed(list(enumerate(merging.diffs, 1))):
        own = tree.get(finding.where)
        if own is not None and own[:5] == node[:5]:
            words.append(f"layer {number}")
            break
    same = [name for name, tree in _models(trial, merging).items() if _agrees(tree, finding)]
    if "topmost" in same:  # what today's kernels do explains enough
        same = ["topmost"]
    if same:
        words.append(f"as policy {' or '.join(same)} has it")
    return f"    {', '.join(words)}" if words else ""


def _merging(trial: Trial, finding: Finding) -> Merging | None:
    if finding.layer or not isinstance(trial.seen, StackSeen | Sights):
        return None
    return merging_of(trial)


def _models(trial: Trial, merging: Merging) -> dict[str, Tree | None]:
    """What each semantics, in each variant, would show; the two of overlayfs from what is on disk."""
    views: dict[str, Tree | None] = {}
    if trial.terms.delegate:
        views["topmost"] = merging.unmarked_view.tree
    if trial.case.setup.layout == "model" or trial.case.malformed:
        return views
    for name in SEMANTICS:
        if name not in ("topmost", "delegate", "strict"):
            for variant in VARIANTS.get(name, ("",)):
                label = f"{name}/{variant}" if variant else name
                views[label] = flat.predict(trial.case, name, variant, trial.terms.policies)
    return views


def _agrees(tree: Tree | None, finding: Finding) -> bool:
    """Whether a model shows, at the finding's path, the metadata that was seen."""
    if tree is None or finding.node is None or finding.where not in tree:
        return False
    model, seen = tree[finding.where], finding.node
    same_time = model.mtime is None or model.mtime == seen.mtime
    return (model.mode, model.uid, model.gid) == (seen.mode, seen.uid, seen.gid) and same_time
