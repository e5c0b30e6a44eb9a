"""The configuration of a kernel: what its fragments want, and whether a source gave it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dirmeta.kernels.errors import KernelError
from dirmeta.kernels.patches import folder
from dirmeta.kernels.variants import Arch

Options = dict[str, str]
"""``CONFIG_`` names without that prefix → value as in .config; "n" where it is not set."""

ESSENTIAL: Final = ("OVERLAY_FS", "TMPFS", "TMPFS_XATTR", "HOSTFS", "PROVE_LOCKING")
"""Where one of these is wanted, a source that does not even know it is refused as well."""

_LINE: Final = re.compile(r"^(?:CONFIG_(\w+)=(.+)|# CONFIG_(\w+) is not set)$", re.MULTILINE)


def fragments(arch: Arch, extras: Sequence[str] = ()) -> str:
    """The fragments that make up a configuration, one after the other."""
    return "".join(map(_fragment, ["base", arch, *extras]))


def _fragment(name: str) -> str:
    return (folder() / f"{name}.config").read_text("ascii")


def options(text: str) -> Options:
    """The options in a fragment or .config; the last word on each counts."""
    return {set_ or unset: value or "n" for set_, value, unset in _LINE.findall(text)}


def check(wanted: Options, got: Options, source: Path, version: str) -> None:
    """See that each wanted option survived, but what this version does not know and what debug.config adds.

    Raises KernelError with the names of those that did not.
    """
    lost = [name for name, value in wanted.items() if got.get(name, "n") != value]
    if not lost:
        return
    required = _known(source) - options(_fragment("debug")).keys() | {*ESSENTIAL}
    if lost := [name for name in lost if name in required]:
        names = ", ".join(f"CONFIG_{name}={wanted[name]}" for name in lost)
        raise KernelError(f"{version}: can not be configured with {names}; its Kconfig files say why")


def _known(source: Path) -> set[str]:
    """Every option that the source defines anywhere."""
    defined = re.compile(rb"^\s*(?:menu)?config\s+(\w+)", re.MULTILINE)
    return {
        name.decode("ascii")
        for file in source.rglob("Kconfig*")
        for name in defined.findall(file.read_bytes())
    }
