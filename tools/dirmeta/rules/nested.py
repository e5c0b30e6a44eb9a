"""UNPACK-ONOVERLAY: layers unpacked through an overlay mount."""

from __future__ import annotations

from collections.abc import Iterator

from dirmeta.rules.findings import Finding
from dirmeta.rules.merging import merging_of
from dirmeta.rules.registry import Trial, judges
from dirmeta.rules.seen import StackSeen
from dirmeta.rules.unpack import unpackings
from dirmeta.rules.words import describe


@judges("UNPACK-ONOVERLAY", StackSeen, {"implied directory": 0.3})
def an_overlay_holds_diff_directories(trial: Trial) -> Iterator[Finding]:
    """Diff directories unpacked through an overlay mount are as elsewhere, and delegate from there."""
    if trial.seen.failed:
        yield Finding("UNPACK-ONOVERLAY", "the mount", "mounted", trial.seen.failed)
    for number, seen in enumerate(trial.seen.layers, 1):
        if not seen.ok:
            yield Finding("UNPACK-ONOVERLAY", "the layer", "unpacked", seen.trouble or seen.refused, number)
    for number, unpacking in unpackings(trial):
        for each in unpacking.differences:
            if each.path not in unpacking.layer.implied or each.what in ("missing", "kind") or each.name:
                want, saw = describe(each)
                yield Finding("UNPACK-ONOVERLAY", each.path, want, saw, number, each.saw)
    merging = merging_of(trial)
    for each in merging.differences if merging else ():
        want, saw = describe(each)
        yield Finding("UNPACK-ONOVERLAY", each.path, want, saw, node=each.saw)
