"""buildah: makes a container of an image and mounts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.subjects.engines import containers, mounting
from dirmeta.subjects.engines.base import Compose, Root, Traits
from dirmeta.subjects.engines.image import REF, Image
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import run

PROBE: Final = Probe("buildah", "buildah", ("--version",), r"buildah version (\S+)", oldest="1.20")


@dataclass(frozen=True)
class Buildah:
    """Runs ``buildah from`` and ``buildah mount``."""

    name: str
    path: str
    version: str
    driver: str

    root: ClassVar[bool] = True

    @property
    def traits(self) -> Traits:
        return containers.TRAITS[self.driver]

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        store = containers.Store(home, self.driver)
        buildah = (self.path, *store.options)

        def compose(image: Image, work: str) -> Root:
            container = run((*buildah, "from", "--quiet", f"oci:{image.layout}:{REF}"), store.env).strip()
            at = run((*buildah, "mount", container), store.env).strip()
            return Root(at, layers=store.diffs(store.newest("containers")["image"]))

        yield compose


def buildah(name: str, driver: str) -> Buildah:
    mounting.require(driver)
    return Buildah(name, *PROBE.look(), driver)
