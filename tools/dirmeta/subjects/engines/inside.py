"""Called inside an engine's private world, by `World`."""

from __future__ import annotations

import atexit
import os
import time
from contextlib import ExitStack
from typing import Final

from dirmeta.model.stack import Stack
from dirmeta.observe.walk import ObservationError
from dirmeta.sandbox import serve, syscalls
from dirmeta.subjects.engines.base import Compose, Composed, Engine, EngineError, Refused, Root
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.reading import read

_SIZE: Final = "size=4g,nr_inodes=1m"
_COVERED: Final = {"/run": "0755", "/dev/shm": "1777", "/var/tmp": "1777"}
"""Where tools insist on writing; locks and sockets of the machine's own stores are not to be seen there."""
_SECOND: Final = 1_000_000_000
_COARSE: Final = 20_000_000
"""ns by which the clock that stamps files may be behind."""

_session: ExitStack = ExitStack()
_engine: Engine | None = None
_compose: Compose | None = None
_images = 0


def start(engine: Engine) -> None:
    """Called first, and once. Raises EngineError."""
    global _engine, _compose
    os.umask(0o022)
    _mounted(_home())
    for place, mode in _COVERED.items():
        if os.path.isdir(place):
            _mounted(place, mode)
    home = f"{_home()}/home"
    os.mkdir(home)
    os.chdir(home)
    atexit.register(_session.close)
    _engine, _compose = engine, _session.enter_context(engine.session(home))


def compose(stack: Stack) -> Composed:
    """The root file system of one image. Raises EngineError where the engine itself fails."""
    place = new_place()
    image = Image(stack, f"{place}/image")
    began = (time.time_ns() - _COARSE) // _SECOND * _SECOND  # some tools keep whole seconds
    try:
        root = made(image, place)
    except Refused as why:
        return Composed(None, str(why), began, time.time_ns())
    try:
        tree, layers = read(root)
    except (ObservationError, OSError) as error:
        raise EngineError(f"the root file system can not be read: {error}") from error
    if _engine and _engine.traits.diffs and len(layers) != len(stack):
        raise EngineError(f"its store shows {len(layers)} diff directories of {len(stack)} layers")
    return Composed(tree, "", began, time.time_ns(), layers)


def new_place() -> str:
    """A new directory for an image and what is made of it."""
    global _images  # noqa: PLW0603
    _images += 1
    place = f"{_home()}/{_images}"
    os.makedirs(f"{place}/work")
    return place


def made(image: Image, place: str) -> Root:
    """What the engine makes of an image in a new place. Raises Refused, and EngineError."""
    if _compose is None:
        raise RuntimeError("an engine was asked to compose before it was started")
    return _compose(image, f"{place}/work")


def _home() -> str:
    return f"{serve.scratch()}/engine"


def _mounted(at: str, mode: str = "0755") -> None:
    os.makedirs(at, exist_ok=True)
    syscalls.mount("engine", at, "tmpfs", syscalls.MS_NOSUID, f"mode={mode},{_SIZE}")
