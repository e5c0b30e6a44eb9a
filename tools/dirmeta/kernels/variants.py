"""What a kernel is made of, and how it is called.

``6.12`` is the stock kernel of a version line, ``6.12+dirmeta`` the one with the reference patch; an extra of
its configuration adds its name, as in ``6.12+dirmeta-debug``. Every other name was given to it by its user.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from dirmeta.kernels.errors import KernelUsageError
from dirmeta.kernels.patches import Patch, batching_patch, reference_patch

Arch = Literal["um", "x86"]
ARCHS: Final[tuple[Arch, ...]] = get_args(Arch)
FEATURE: Final = "+dirmeta"
EXTRAS: Final = ("smp", "debug")
"""Fragments that not every kernel is configured with, in the order in which they are applied and named."""

_REFERENCE: Final = re.compile(
    rf"(?P<line>\d+\.\d+)(?P<feature>\+dirmeta)?(?P<extras>{''.join(f'(-{each})?' for each in EXTRAS)})"
)
_OWN: Final = re.compile(r"[A-Za-z][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class Variant:
    """One kernel to build.

    name      unique among those of its arch
    line      whose source it is made from: a version line like ``6.12``; "" for a tree of the user's
    extras    some of `EXTRAS`, in their order
    patches   applied in this order
    """

    name: str
    line: str
    arch: Arch = "um"
    extras: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()

    @property
    def batching(self) -> bool:
        """Whether it has the system call that runs many (fixtures/kernels/README.md)."""
        return batching_patch(self.line) in self.patches

    def named(self, name: str, patches: Sequence[Patch]) -> Variant:
        """A variant of one's own, with more patches. Raises KernelUsageError for a name that can not be."""
        own_name(name)
        return replace(self, name=name + suffix(self.extras), patches=(*self.patches, *patches))


def reference(name: str, arch: Arch = "um", extras: Collection[str] = ()) -> Variant:
    """The suite's own variant of this name, with these extras too. Raises KernelUsageError."""
    match = _REFERENCE.fullmatch(name)
    if match is None:
        raise KernelUsageError(f"{name}: a version is wanted, like 6.12, 6.12{FEATURE} or 6.12-debug")
    line = match["line"]
    all_extras = in_order({*extras, *match["extras"].split("-")})
    patches = [reference_patch(line)] if match["feature"] else []
    batching = batching_patch(line)
    if batching is not None and arch == "um":
        patches.append(batching)
    full = line + (match["feature"] or "") + suffix(all_extras)
    return Variant(full, line, arch, all_extras, tuple(patches))


def in_order(extras: Collection[str]) -> tuple[str, ...]:
    """Those of `EXTRAS` that are among them."""
    return tuple(each for each in EXTRAS if each in extras)


def suffix(extras: Sequence[str]) -> str:
    """What they add to the name of a kernel."""
    return "".join(f"-{each}" for each in extras)


def is_reference(name: str) -> bool:
    """Whether a name is one of the suite's own."""
    return _REFERENCE.fullmatch(name) is not None


def own_name(name: str) -> str:
    """`name` if a user may give it to a kernel. Raises KernelUsageError."""
    if _OWN.fullmatch(name):
        return name
    raise KernelUsageError(f"--name {name}: letters, digits and ._+- are wanted, a letter first")
