"""Mutants: the kernel with the reference patch, and one hunk that breaks it (fixtures/kernels/mutants)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.patches import Patch, folder, read_patch
from dirmeta.kernels.variants import Variant, reference

BASE: Final = "6.12+dirmeta"
"""What they are patches to."""

_HEAD: Final = re.compile(r"(?P<sentence>[^\n]+\.)\n\nKilled-by: (?P<rules>[A-Z, -]+)\n")


@dataclass(frozen=True)
class Mutant:
    """One defect.

    name      of the patch, without its suffix
    sentence  what the kernel does wrong
    rules     that it breaks: any of them is to notice
    """

    name: str
    sentence: str
    rules: tuple[str, ...]
    patch: Patch

    @property
    def variant(self) -> Variant:
        """The kernel to build."""
        return reference(BASE).named(f"mutant-{self.name}", [self.patch])


def mutants() -> dict[str, Mutant]:
    """Name → mutant, in the order of names. Raises KernelError where a patch says not what it breaks."""
    files = sorted((folder() / "mutants").glob("*.patch"))
    return {file.stem: mutant(file.stem, read_patch(str(file))) for file in files}


def mutant(name: str, patch: Patch) -> Mutant:
    """The mutant that a patch makes. Raises KernelError."""
    head = _HEAD.match(patch.text.decode("utf-8", "replace"))
    if head is None:
        raise KernelError(
            f"{patch.name}: a sentence, an empty line and `Killed-by: RULE, RULE` are wanted on top"
        )
    return Mutant(name, head["sentence"], tuple(head["rules"].split(", ")), patch)


def chosen(names: tuple[str, ...]) -> list[Mutant]:
    """The mutants with these names; all where there is none. Raises KernelUsageError."""
    there = mutants()
    for name in names:
        if name not in there:
            raise KernelUsageError(f"{name}: no mutant is called so; see fixtures/kernels/mutants")
    return [there[name] for name in names or there]
