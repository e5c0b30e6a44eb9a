"""UNPACK-ONOVERLAY: layers unpacked through an overlay mount."""

from __future__ import annotations

from collections.abc import Iterator

from dirmeta.model import overlayfs
from dirmeta.rules.findings import Difference, Finding
from dirmeta.rules.merging import merging_of
from dirmeta.rules.registry import Trial, judges
from dirmeta.rules.seen import StackSeen
from dirmeta.rules.unpack import unpackings
from dirmeta.rules.words import describe


@judges("UNPACK-ONOVERLAY", StackSeen, {"implied directory": 0.3})
def an_overlay_holds_diff_directories(trial: Trial) -> Iterator[Finding]:
    """Diff directories unpacked through an overlay mount have their marks, and delegate from there."""
    if trial.seen.failed:
        yield Finding("UNPACK-ONOVERLAY", "the mount", "mounted", trial.seen.failed)
    for number, seen in enumerate(trial.seen.layers, 1):
        if not seen.ok:
            yield Finding("UNPACK-ONOVERLAY", "the layer", "unpacked", seen.trouble or seen.refused, number)
    for number, unpacking in unpackings(trial):
        for each in unpacking.differences:
            if _bears_on_delegation(each):
                want, saw = describe(each)
                yield Finding("UNPACK-ONOVERLAY", each.path, want, saw, number, each.saw, difference=each)
    merging = merging_of(trial)
    for each in merging.differences if merging else ():
        want, saw = describe(each)
        yield Finding("UNPACK-ONOVERLAY", each.path, want, saw, node=each.saw)


def _bears_on_delegation(each: Difference) -> bool:
    """Whether a difference is one of marks, of opaque xattrs, or of which directories there are; all else
    is for the rules that judge diff directories anywhere."""
    if each.what == "xattr":
        return overlayfs.is_overlay_private(each.name)
    directory = any(node is not None and node.kind == "directory" for node in (each.want, each.saw))
    return directory and each.what in ("missing", "extra", "kind")
