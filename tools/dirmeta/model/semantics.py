"""The models of what a stack means, and the switches of single contested rules (SPEC.md)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final, Literal

Semantics = Literal["topmost", "delegate", "sequential", "inherit", "fixed", "strict"]
SEMANTICS: Final[tuple[Semantics, ...]] = (
    "topmost", "delegate", "sequential", "inherit", "fixed", "strict",
)  # fmt: skip

VARIANTS: Final[dict[Semantics, tuple[str, ...]]] = {
    "sequential": ("keep", "bump"),
    "fixed": ("new", "always"),
}
"""The default variant comes first; written ``sequential/bump``."""


class PolicyError(ValueError):
    """A policy or value that does not exist."""


@dataclass(frozen=True)
class Policies:
    """One value for each contested rule; the defaults are SPEC.md's."""

    fallback: str = "topmost"
    xattr_source: str = "source"
    value: str = "y"
    opaque_barrier: str = "stop"
    root: str = "delegate"
    upper_mark: str = "honour"
    forged: str = "drop"
    placeholder_mode: str = "0755"
    placeholder_mtime: str = "0"
    parity_mtime: str = "compare"

    def switched(self, name: str, value: str) -> Policies:
        """The same policies with one switched; PolicyError where there is no such thing."""
        if name not in ALLOWED:
            raise PolicyError(f"no policy is called {name}; there are {', '.join(ALLOWED)}")
        if not _allows(name, value):
            raise PolicyError(f"policy {name} is {_choices(name)}, not {value!r}")
        return replace(self, **{name: value})


DEFAULT: Final = Policies()

ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "fallback": ("topmost", "lowest"),
    "xattr_source": ("source", "topmost"),
    "value": ("y", "any"),
    "opaque_barrier": ("stop", "pass"),
    "root": ("delegate", "topmost"),
    "upper_mark": ("honour", "ignore"),
    "forged": ("drop", "keep"),
    "placeholder_mode": (),
    "placeholder_mtime": (),
    "parity_mtime": ("compare", "ignore"),
}
"""Policy → its values, the default first; empty where any number will do."""

assert tuple(ALLOWED) == tuple(field.name for field in fields(Policies))


def _allows(name: str, value: str) -> bool:
    if name == "placeholder_mode":
        return value.isdigit() and all(digit in "01234567" for digit in value) and int(value, 8) <= 0o7777
    if name == "placeholder_mtime":
        return value.removeprefix("-").isdigit()
    return value in ALLOWED[name]


def _choices(name: str) -> str:
    if name == "placeholder_mode":
        return "an octal mode like 0755"
    if name == "placeholder_mtime":
        return "a time in whole seconds"
    return " or ".join(ALLOWED[name])
