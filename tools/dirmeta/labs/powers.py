"""What root has to be allowed: to make what is others', and to be the root that the rules speak of."""

from __future__ import annotations

from typing import Final

from dirmeta.sandbox.credentials import capability
from dirmeta.sandbox.diagnosis import effective_capabilities
from dirmeta.sandbox.errors import Obstacle

NEEDED: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID")


def lacking(effective: int) -> list[str]:
    """Those of `NEEDED` that are not in a set of capabilities, which is given as a number."""
    return [name for name in NEEDED if not effective >> capability(name) & 1]


def require() -> None:
    """Raise Obstacle where this root is not allowed something that cases need."""
    if missing := lacking(effective_capabilities()):
        names = ", ".join(f"CAP_{name}" for name in missing)
        options = " ".join(f"--cap-add {name}" for name in missing)
        raise Obstacle(f"this root has no {names}; start the container with {options}, or run outside it")
