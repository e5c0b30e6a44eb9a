"""The rules as data: ids, status, wording and what they require (`catalogue.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

Status = Literal["S", "C", "s", "O"]

STATUS: Final[dict[Status, str]] = {
    "S": "settled",
    "C": "contested",
    "s": "should",
    "O": "open",
}
CLAIMS: Final[dict[str, str]] = {
    "feature": "does not claim the feature",
    "switch": "has no switch for the feature",
    "whiteouts": "writes no overlayfs whiteouts",
    "chunked": "takes no zstd:chunked layers",
    "no-feature": "is judged as delegate",
    "two-kernels": "has no such feature to switch; `dirmeta diff-kernels` compares two kernels",
    "engine": "is no engine that goes from an image to a running view",
    "producer": "produces no layers",
    "two-backings": "mounts one backing file system only here; as root there are ext4, xfs, btrfs, erofs and "
    "squashfs on loop devices too, each where the kernel has it and what makes it is installed",
    "two-namespaces": "reads and writes marks of one namespace only here; as root there are both",
    "redirects": "mounts without redirect_dir=on only here, and renames no directory that merges; root can",
    "several-ids": "has users of one id only here; as root, or with subordinate ids, there are others",
    "escaped-xattrs": "mounts on a kernel before 6.7, which lets nobody store overlay xattrs through a mount",
}
"""What a rule may require → why it does not apply to who lacks it."""
CLAIMED: Final = frozenset(CLAIMS) - {"engine", "producer", "chunked"}
"""What subjects and kernels of this version can claim."""


class SelectionError(ValueError):
    """A selection that matches no rule."""


@dataclass(frozen=True)
class Rule:
    """One rule; the fields are those of `catalogue.toml`."""

    id: str
    status: Status
    title: str
    text: str
    source: str
    policy: tuple[str, ...]
    requires: tuple[str, ...]
    checked: bool

    @property
    def family(self) -> str:
        """``UNPACK`` of ``UNPACK-MARK``."""
        return self.id.partition("-")[0]

    def lacks(self, claims: frozenset[str]) -> str:
        """Why the rule does not apply to who claims `claims`, or nothing."""
        return next((CLAIMS[claim] for claim in self.requires if claim not in claims), "")


@cache
def data() -> dict[str, Any]:
    """`catalogue.toml` as it is: lists under ``rule``, ``policy`` and ``semantics``."""
    return tomllib.loads(resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8"))


@cache
def catalogue() -> dict[str, Rule]:
    """Rule id → rule, in the order of SPEC.md."""
    rules = (
        Rule(**{**row, "policy": tuple(row["policy"]), "requires": tuple(row["requires"])})
        for row in data()["rule"]
    )
    return {rule.id: rule for rule in rules}


def select(globs: Iterable[str]) -> dict[str, Rule]:
    """The rules whose id matches one of `globs`; SelectionError for a glob that matches none."""
    chosen: set[str] = set()
    for glob in globs:
        matched = [name for name in catalogue() if fnmatchcase(name, glob)]
        if not matched:
            raise SelectionError(f"no rule matches {glob!r}; `dirmeta rules list` names them all")
        chosen.update(matched)
    return {name: rule for name, rule in catalogue().items() if name in chosen}
