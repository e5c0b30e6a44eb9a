"""The demonstration that started it all: one image in a real store, before the feature and with it.

Both times the command of containers/storage unpacks the layers, as they are stored, into a store of its
overlay driver and mounts them, and `ls` looks. Before: Debian's, on the kernel that is running. With it: the
patched one, all of it in a guest with the patched kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from dirmeta import kernels
from dirmeta.kernels.errors import KernelError
from dirmeta.labs.base import LabError
from dirmeta.labs.guest.python import GuestPython
from dirmeta.labs.guest.uml import MEMORY, Uml
from dirmeta.labs.native.ear import Late, Lost
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.sandbox.worker import START_TIMEOUT, Worker, WorkerError
from dirmeta.subjects import built
from dirmeta.subjects.base import SubjectError
from dirmeta.subjects.engines import inside
from dirmeta.subjects.engines.base import Engine, EngineError
from dirmeta.subjects.engines.containersstorage import ContainersStorage, containers_storage
from dirmeta.subjects.engines.listing import Wanted, listing

NAME: Final = "containers-storage"
KERNEL: Final = "6.12+dirmeta"
DRIVER: Final = "overlay"
SWITCH: Final = "overlay.mountopt=dirmeta_delegate=on"
"""The driver mounts with it, so that no module parameter counts."""

_TIMEOUT: Final = 900.0
"""Seconds for an image: one of an operating system has a hundred thousand files."""
_ROOM: Final = 6
"""Bytes of a guest's memory for each byte of a compressed layer: they are there twice, once unpacked."""


class Shown(NamedTuple):
    """What `ls` wrote, and whose doing it was."""

    storage: str
    kernel: str
    text: str


def missing() -> Iterator[str]:
    """What this machine lacks for it, each with the command that gets it."""
    if os.geteuid() or in_user_namespace():
        yield "it needs root, for a store with files of several owners: run it with sudo"
    for found in (_stock, _patched, _image):
        try:
            found()
        except (SubjectError, KernelError) as why:
            yield str(why)


def _stock() -> Engine:
    return containers_storage(NAME, DRIVER)


def _patched() -> Engine:
    there = built.find(NAME)
    engine = ContainersStorage(f"{NAME}+dirmeta", there.program(NAME), there.version, DRIVER)
    return replace(engine, settings=(SWITCH,))


def _image() -> str:
    return str(kernels.find(KERNEL).image)


def before(wanted: Wanted) -> Shown:
    """Stock storage on the running kernel. Raises EngineError."""
    engine = _stock()
    try:
        with Worker() as world:
            text = _asked(world.call_within, engine, wanted)
    except WorkerError as why:
        raise EngineError(f"{engine.name}: {why}") from why
    return Shown(f"{engine.name} {engine.version}", os.uname().release, text)


def after(wanted: Wanted, size: int) -> Shown:
    """Patched storage on the patched kernel. Raises LabError.

    size  of the layers as they are stored, in bytes
    """
    engine = _patched()
    guest = Uml(_image(), f"uml:{KERNEL}", memory=MEMORY + (_ROOM * size >> 20))
    try:
        python = GuestPython(guest)
        text = _asked(python.call, engine, wanted)
        release = python.call(START_TIMEOUT, _release)
    except (Lost, Late) as why:
        raise LabError(f"uml:{KERNEL}: the guest was lost, or gave no answer in time") from why
    finally:
        guest.close()
    return Shown(f"{engine.name} {engine.version}", f"{release}, {KERNEL} as User Mode Linux", text)


def _asked(call: Callable[..., Any], engine: Engine, wanted: Wanted) -> str:
    """Start the engine in a world that `call` reaches, and look."""
    call(START_TIMEOUT, inside.start, engine)
    text: str = call(_TIMEOUT, listing, wanted)
    return text


def _release() -> str:
    return os.uname().release
