"""``btrfs:SUBJECT``: a driver of snapshots. Each layer is applied to a snapshot of the subvolume below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.labs import disks
from dirmeta.subjects.base import Subject
from dirmeta.subjects.engines.applied import apply
from dirmeta.subjects.engines.base import Compose, EngineError, NotInstalled, Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.layerwise import Layerwise
from dirmeta.subjects.engines.process import environment, found, run

KIND: Final = "btrfs"


@dataclass(frozen=True)
class Snapshots(Layerwise):
    """Layers on a btrfs file system in a file, on a loop device.

    subject  applies them
    path     of the program ``btrfs``
    """

    path: str

    how: ClassVar[str] = KIND
    traits: ClassVar[Traits] = Traits("sequential", "keep")
    root: ClassVar[bool] = True

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        at = f"{home}/{KIND}"
        os.mkdir(at)
        try:
            disks.mount(KIND, f"{at}.image", at)
        except OSError as why:
            raise EngineError(f"no btrfs on a loop device: {why.strerror or why}") from why
        env = environment(home)
        images = iter(range(1 << 30))

        def compose(image: Image, work: str) -> Root:
            place = f"{at}/{next(images)}"
            os.mkdir(place)
            below = ""
            for number, layer in enumerate(image.stack, 1):
                layers = f"{place}/{number}"
                os.mkdir(layers)
                how = ("snapshot", below) if below else ("create",)
                below = f"{layers}/root"
                run((self.path, "subvolume", *how, below), env)
                apply(self.subject, layer, below, layers)
            return Root(below)

        yield compose


def btrfs(subject: Subject) -> Snapshots:
    """Raises NotInstalled where this machine can not do it."""
    path = found("btrfs")
    if not path:
        raise NotInstalled("btrfs is not installed; apt-get install btrfs-progs")
    return Snapshots(subject, path)
