"""How a drawn case is unpacked and mounted."""

from __future__ import annotations

from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Setup

SETUP_SIZE: Final = 2
"""Bytes that decide a setup."""
_UMASKS: Final = (0o022, 0o077, 0o000, 0o027)


def unpacked(choices: Choices, limits: Limits) -> Setup:
    """Layers go through an unpacker; namespace and umask vary. Reads `SETUP_SIZE` bytes."""
    namespace = choices.pick(limits.namespaces)
    return Setup(namespace, umask=choices.pick(_UMASKS), backing=limits.backings[0])


def from_the_model(choices: Choices, limits: Limits) -> Setup:
    """Diff directories are laid out as the model says; namespace and upper vary. Reads `SETUP_SIZE` bytes."""
    namespace = choices.pick(limits.namespaces)
    return Setup(namespace, layout="model", upper=choices.chance(1, 3), backing=limits.backings[0])
