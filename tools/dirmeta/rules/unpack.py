"""UNPACK: from a layer's tar stream to its diff directory, held against the oracle's.

Each function below is asked about one difference and says whether it breaks the rule it stands under.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.entries import WHITEOUT_PREFIX, Entry
from dirmeta.model.stack import Layer, Setup
from dirmeta.model.tree import Tree
from dirmeta.rules import registry
from dirmeta.rules.findings import METADATA, Difference, Finding, differences
from dirmeta.rules.registry import Needs, Terms, Trial
from dirmeta.rules.seen import StackSeen
from dirmeta.rules.words import describe


@dataclass(frozen=True)
class Unpacking:
    """One layer as it was unpacked: the facts that claims ask about."""

    layer: Layer
    setup: Setup
    seen: Tree
    terms: Terms

    @cached_property
    def differences(self) -> list[Difference]:
        expected = oracle.expected_diff(self.layer, self.setup, self.terms.policies)
        if expected == self.seen:
            return []
        found = differences(expected, self.seen, self.terms.granularity)
        return [each for each in found if not self._excused(each)]

    def _excused(self, difference: Difference) -> bool:
        """What no rule of this family holds against the subject: a root that no entry describes,
        xattrs it declares not to keep, and whiteouts where it writes none."""
        path, name = difference.path, difference.name
        if path == paths.ROOT and path not in self.layer.explicit:
            return True
        if "whiteouts" not in self.terms.claims:
            if name.endswith("." + overlayfs.OPAQUE) or path in self.layer.whiteouts:
                return True
            if paths.basename(path).startswith(WHITEOUT_PREFIX):
                return True
        return bool(name) and not overlayfs.is_overlay_private(name) and not self.terms.keeps(name)

    @cached_property
    def only_hides(self) -> frozenset[str]:
        """Implied directories that nothing but whiteouts and opaque markers imply."""
        places = [entry.place for entry in self.layer if entry.kind not in ("whiteout", "opaque")]
        filled = {up for place in places for up in paths.ancestors(place)}
        return self.layer.implied - filled

    @cached_property
    def replaced(self) -> frozenset[str]:
        """Paths that this layer whites out and also fills anew."""
        return self.layer.whiteouts & (
            self.layer.explicit.keys() | self.layer.implied | self.layer.others.keys()
        )

    def entry(self, path: str) -> Entry | None:
        """The layer's entry for a directory or anything else at a path."""
        return self.layer.explicit.get(path) or self.layer.others.get(path)

    @property
    def mark(self) -> str:
        return overlayfs.mark_name(self.setup.namespace)

    @property
    def opaque(self) -> str:
        return overlayfs.PREFIX[self.setup.namespace] + overlayfs.OPAQUE

    @property
    def other_mark(self) -> str:
        return overlayfs.mark_name(overlayfs.OTHER[self.setup.namespace])


Claim = Callable[[Difference, Unpacking], bool]


def claims(rule: str, needs: Needs | None = None) -> Callable[[Claim], Claim]:
    """Register a function that says whether a difference breaks `rule`."""

    def register(claim: Claim) -> Claim:
        def judge(trial: Trial) -> Iterator[Finding]:
            for number, unpacking in unpackings(trial):
                for difference in unpacking.differences:
                    if claim(difference, unpacking):
                        want, saw = describe(difference)
                        yield Finding(
                            rule, difference.path, want, saw, number, difference.saw, difference=difference
                        )

        registry.judges(rule, StackSeen, needs, local=True)(judge)
        return claim

    return register


def unpackings(trial: Trial) -> list[tuple[int, Unpacking]]:
    """The layers of a trial that were unpacked to an end, with their numbers from 1."""
    if "unpackings" not in trial.memo:
        pairs = zip(trial.case.stack, trial.seen.layers, strict=False)
        trial.memo["unpackings"] = [
            (number, Unpacking(layer, trial.case.setup, seen.tree, trial.terms))
            for number, (layer, seen) in enumerate(pairs, 1)
            if seen.ok
        ]
    found: list[tuple[int, Unpacking]] = trial.memo["unpackings"]
    return found


@registry.judges(
    "UNPACK-PARENTS", StackSeen, {"implied directory": 0.3, "file before its parent": 0.02}, local=True
)
def parents_are_made(trial: Trial) -> Iterator[Finding]:
    """Missing parents are created; a well-formed layer is neither refused nor crashed on."""
    for number, seen in enumerate(trial.seen.layers, 1):
        if not seen.ok:
            yield Finding("UNPACK-PARENTS", "the layer", "unpacked", seen.trouble or seen.refused, number)
    for number, unpacking in unpackings(trial):
        for each in unpacking.differences:
            if each.path in unpacking.layer.implied and each.what in ("missing", "kind"):
                yield Finding(
                    "UNPACK-PARENTS", each.path, *describe(each), layer=number, node=each.saw, difference=each
                )


@claims("UNPACK-MARK", {"implied directory": 0.3, "nested implied directory": 0.05})
def implied_is_marked(each: Difference, at: Unpacking) -> bool:
    """Every implied directory carries the mark, at every level."""
    return each.path in at.layer.implied and _lost(each, at.mark)


@claims("UNPACK-EXPLICIT", {"late explicit entry": 0.05})
def explicit_is_unmarked(each: Difference, at: Unpacking) -> bool:
    """An explicit directory never carries the mark, wherever its entry stands in the stream."""
    return each.path in at.layer.explicit and each.name in (at.mark, at.other_mark)


@claims("UNPACK-SPELLING", {"odd spelling": 0.05})
def any_spelling_counts(each: Difference, at: Unpacking) -> bool:
    """An explicit entry in any spelling of the path counts: what is there is what it says, unmarked."""
    entry = at.entry(each.path)
    if each.what == "mtime" or _is_public_xattr(each):
        return False  # those go wrong for other reasons too, and have rules of their own
    return entry is not None and entry.name != each.path + "/" * (entry.kind == "directory")


@claims("UNPACK-EXACT", {"explicit directory": 0.3, "late explicit entry": 0.05})
def explicit_is_exact(each: Difference, at: Unpacking) -> bool:
    """An explicit directory ends with its entry's mode, uid, gid and mtime."""
    return each.path in at.layer.explicit and each.what in (*METADATA, "missing", "kind")


@claims("UNPACK-EXACT-XATTR", {"xattr": 0.05, "acl": 0.03})
def explicit_has_its_xattrs(each: Difference, at: Unpacking) -> bool:
    """... and with exactly its entry's xattrs, less what the subject declares it does not keep."""
    return each.path in at.layer.explicit and _is_public_xattr(each)


@claims("UNPACK-NAMES", {"hardlink": 0.03, "symlink": 0.05})
def all_else_is_as_its_entry(each: Difference, at: Unpacking) -> bool:
    """Everything else in the layer ends as its entry says, and nothing else is there."""
    return each.path not in at.layer.explicit and each.path not in at.layer.implied


@claims("UNPACK-NOINHERIT", {"setgid parent of implied": 0.02, "default acl parent of implied": 0.01})
def nothing_is_inherited(each: Difference, at: Unpacking) -> bool:
    """A created parent takes nothing from the directory it is made in: no setgid, gid or ACL."""
    if each.path not in at.layer.implied or each.saw is None:
        return False
    above = at.layer.explicit.get(paths.parent(each.path))
    if above is None:
        return False
    if each.what == "mode":
        return bool(each.saw.mode & above.mode & 0o2000)
    if each.what == "gid":
        # A placeholder with the group of an entry below it is odd, but not inherited.
        below = {entry.gid for entry in at.layer if paths.below(entry.place, each.path)}
        return each.saw.gid == above.gid and above.gid not in below
    return each.name in overlayfs.ACLS and above.xattr(overlayfs.ACL_DEFAULT) is not None


@claims("UNPACK-WHITEOUT", {"implied by a whiteout": 0.03})
def a_whiteout_implies_its_parents(each: Difference, at: Unpacking) -> bool:
    """The parents of a whiteout or an opaque marker are implied like any other."""
    return each.path in at.only_hides and (each.what in ("missing", "kind") or _lost(each, at.mark))


@claims("UNPACK-OPAQUE", {"opaque marker with entry": 0.02})
def an_opaque_directory_is_its_own(each: Difference, at: Unpacking) -> bool:
    """Opaque marker and explicit d/, in either order: opaque, unmarked, metadata of d/."""
    if each.path not in at.layer.opaques:
        return False
    return each.name == at.opaque or each.what in ("missing", "kind") or each.path in at.layer.explicit


@claims("UNPACK-REPLACED", {"replaced path": 0.03})
def what_is_replaced_is_hidden(each: Difference, at: Unpacking) -> bool:
    """A whiteout of p and entries for or below p: lower layers' p is hidden, this layer's entries stay."""
    if each.path in at.replaced:
        return each.name == at.opaque or each.what in ("missing", "kind", "content", "target")
    return each.what in ("missing", "kind") and not at.replaced.isdisjoint(paths.ancestors(each.path))


@claims("UNPACK-REPLACED-MARK", {"replaced path without entry": 0.01})
def what_is_replaced_is_new(each: Difference, at: Unpacking) -> bool:
    """A replaced p without an entry is a new directory: not marked."""
    return each.path in at.replaced & at.layer.implied and each.name == at.mark


@claims("UNPACK-NAMESPACE", {"implied directory": 0.3})
def the_mark_is_in_its_namespace(each: Difference, at: Unpacking) -> bool:
    """The mark stands in the namespace that the subject's own mounts read, never in the other."""
    return each.name == at.other_mark and each.saw is not None and each.saw.xattr(each.name) is not None


@claims("UNPACK-FALLBACK", {"implied directory": 0.3})
def a_placeholder_is_neutral(each: Difference, at: Unpacking) -> bool:
    """A placeholder does not depend on umask or clock: 0755, 0:0, mtime 0, no xattrs."""
    return each.path in at.layer.implied and (each.what in METADATA or _is_public_xattr(each))


@claims("UNPACK-FORGED", {"forged xattr": 0.3})
def nothing_forged_takes_effect(each: Difference, at: Unpacking) -> bool:
    """Overlay-private xattrs in the image are dropped or escaped."""
    entry = at.entry(each.path)
    if entry is None or entry.xattr(each.name) is None or each.what != "xattr" or _is_public_xattr(each):
        return False
    return each.saw is None or each.saw.xattr(each.name) != _escaped(entry, each.name)


def _escaped(entry: Entry, name: str) -> bytes | None:
    """The value that an escaped xattr of `entry` has under that name, None where none comes to it."""
    prefix = next(prefix for prefix in overlayfs.PREFIX.values() if name.startswith(prefix))
    rest = name.removeprefix(prefix)
    escaped = rest.removeprefix("overlay.")
    return entry.xattr(prefix + escaped) if escaped != rest else None


def _lost(each: Difference, mark: str) -> bool:
    """Whether a directory that is to carry the mark has none, or another value."""
    return each.name == mark and each.want is not None and each.want.xattr(mark) is not None


def _is_public_xattr(each: Difference) -> bool:
    return each.what == "xattr" and not overlayfs.is_overlay_private(each.name)
