"""Where a mount happens: the host, guests, and what runs inside.

Adding one is a file and a row in `LABS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from dirmeta.labs.base import Lab, LabError

if TYPE_CHECKING:  # at run time the host lab's inside would import every subject with it
    from dirmeta.labs.guest.bzimage import Kernel
    from dirmeta.subjects.base import Subject

__all__ = ["LABS", "Lab", "LabError", "UnknownLab", "Wanted", "check", "lab", "spellings"]


class UnknownLab(ValueError):
    """No lab is called so, or it is asked for what it has not."""


class Wanted(NamedTuple):
    """What a lab is asked for.

    subject    what unpacks there
    backing    the kind of scratch space, "" for the lab's own choice
    directory  a directory for it, "" for none
    """

    subject: Subject | None = None
    backing: str = ""
    directory: str = ""


# The labs are imported when they are wanted: the host lab's inside imports this package too, and has to
# start quickly.


def _host(_: str, wanted: Wanted) -> Lab:
    from dirmeta.labs.host import HostLab  # noqa: PLC0415

    return HostLab(wanted.subject, backing=wanted.backing or "tmpfs", directory=wanted.directory or None)


def _uml(which: str, wanted: Wanted) -> Lab:
    kernel, cpus = _processors(which)
    return _in_uml(_uml_image(kernel), f"uml:{which}", wanted, cpus)


def _tree(directory: str, wanted: Wanted) -> Lab:
    from dirmeta import kernels  # noqa: PLC0415

    return _in_uml(str(kernels.tree(directory).image), f"tree:{directory}", wanted)


def _in_uml(image: str, name: str, wanted: Wanted, cpus: int = 1) -> Lab:
    from dirmeta.labs.guest.lab import GuestLab  # noqa: PLC0415
    from dirmeta.labs.guest.processors import pinned  # noqa: PLC0415
    from dirmeta.labs.guest.uml import Uml  # noqa: PLC0415

    _without_directory(name, wanted)
    place = pinned(worker_number(), cpus)
    lab = GuestLab(
        lambda: Uml(image, name, cpus=cpus, pinned=place), wanted.subject, backing=wanted.backing or "tmpfs"
    )
    return _with_processors(cpus, name, lab)


def _uml_image(kernel: str) -> str:
    """The program that is named, by its path or as it was built. Raises UnknownLab, KernelError."""
    from dirmeta import kernels  # noqa: PLC0415

    if "/" not in kernel:
        return str(kernels.find(kernel).image)
    if not os.access(kernel, os.X_OK) or os.path.isdir(kernel):
        raise UnknownLab(f"uml:{kernel} is no program; give the file `linux` of a build for ARCH=um")
    return os.path.abspath(kernel)


def _image(which: str, wanted: Wanted) -> Lab:
    from dirmeta.labs.guest.image import ImageLab  # noqa: PLC0415

    name = f"image:{which}"
    _without_directory(name, wanted)
    kernel, cpus = _processors(which)
    lab = ImageLab(_bootable(kernel), name, wanted.subject, cpus=cpus, backing=wanted.backing or "tmpfs")
    return _with_processors(cpus, name, lab)


def _bootable(which: str) -> Kernel:
    """The image that is named, by its path or as it was built. Raises UnknownLab, KernelError."""
    from dirmeta import kernels  # noqa: PLC0415
    from dirmeta.labs.guest.bzimage import ImageError, kernel  # noqa: PLC0415

    path, comma, modules = which.partition(",")
    if "/" not in path and not os.path.exists(path):
        path = str(kernels.find(path, "x86").image)
    try:
        return kernel(path + comma + modules)
    except ImageError as error:
        raise UnknownLab(str(error)) from error


def _processors(which: str) -> tuple[str, int]:
    """What is asked for, and how many processors it is to have."""
    from dirmeta.labs.guest.processors import CpusError, split  # noqa: PLC0415

    try:
        return split(which)
    except CpusError as error:
        raise UnknownLab(str(error)) from error


def _with_processors(cpus: int, name: str, made: Lab) -> Lab:
    """A lab that has come up, if it has so many. Raises LabError."""
    if made.limits.processors >= cpus:
        return made
    made.close()
    raise LabError(
        f"{name}: its kernel runs {made.limits.processors} of {cpus} processors; it needs CONFIG_SMP "
        f"(dirmeta kernel build --smp), which User Mode Linux 6.12 does not have"
    )


def _without_directory(name: str, wanted: Wanted) -> None:
    if wanted.directory:
        raise UnknownLab(f"{name}: a guest has scratch space of its own; leave --scratch out")


def worker_number() -> int:
    """Which of several workers this process is, as pytest-xdist tells."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


LABS: Final[dict[str, tuple[str, Callable[[str, Wanted], Lab]]]] = {
    "host": ("", _host),
    "uml": ("NAME or /path/to/linux[,cpus=N]", _uml),
    "tree": ("DIR", _tree),
    "image": ("NAME or /path/to/bzImage[,modules=DIR][,cpus=N]", _image),
}
"""What comes before the colon → what comes after it ("" for no colon), and the constructor."""


def spellings() -> str:
    """How labs are asked for, for messages."""
    return ", ".join(f"{kind}:{after}" if after else kind for kind, (after, _) in LABS.items())


def check(spec: str) -> None:
    """UnknownLab where no lab is called so, or the image that is named is none; KernelError where it is not
    built."""
    kind, colon, which = spec.partition(":")
    if kind not in LABS or bool(LABS[kind][0]) != bool(colon and which):
        raise UnknownLab(f"no kernel is called {spec!r}; there is {spellings()}")
    if kind in ("uml", "image"):
        kernel, _ = _processors(which)
    if kind == "uml":
        _uml_image(kernel)
    if kind == "image":
        _bootable(kernel)


def lab(spec: str, wanted: Wanted = Wanted()) -> Lab:  # noqa: B008  immutable
    """A running lab. Raises UnknownLab, LabError where it can not be had, and KernelError."""
    check(spec)
    kind, _, which = spec.partition(":")
    return LABS[kind][1](which, wanted)
