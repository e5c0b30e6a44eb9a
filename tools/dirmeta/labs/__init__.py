"""Where a mount happens: the host, guests, and what runs inside.

Adding one is a file and a row in `LABS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dirmeta.labs.base import Lab, LabError

if TYPE_CHECKING:  # at run time the host lab's inside would import every subject with it
    from dirmeta.subjects.base import Subject

__all__ = ["LABS", "Lab", "LabError", "lab"]


def _host(subject: Subject | None, backing: str | None, directory: str | None) -> Lab:
    # Not on top: the host lab's inside imports this package too, and has to start quickly.
    from dirmeta.labs.host import HostLab  # noqa: PLC0415

    return HostLab(subject, backing=backing or "tmpfs", directory=directory)


LABS: Final[dict[str, Callable[[Subject | None, str | None, str | None], Lab]]] = {
    "host": _host,
}
"""Name → constructor, given the subject, the kind of scratch space and a directory for it."""


def lab(
    name: str, subject: Subject | None, *, backing: str | None = None, directory: str | None = None
) -> Lab:
    """A running lab. Raises LabError where it can not be had."""
    if name not in LABS:
        raise LabError(f"{name}: there is no such lab; there are {', '.join(LABS)}")
    return LABS[name](subject, backing, directory)
