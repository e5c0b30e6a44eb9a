"""skopeo: copies an image into a containers/storage store, which something else has to mount."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.subjects.engines import containers
from dirmeta.subjects.engines.base import Compose, Root, Traits
from dirmeta.subjects.engines.image import NAME, REF, Image
from dirmeta.subjects.engines.mounting import overlay, topmost
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import run

PROBE: Final = Probe("skopeo", "skopeo", ("--version",), r"skopeo version (\S+)", oldest="1.2")


@dataclass(frozen=True)
class Skopeo:
    """Runs ``skopeo copy`` and puts together what that has unpacked."""

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
        def compose(image: Image, work: str) -> Root:
            store = containers.Store(work, self.driver)
            there = f"containers-storage:[{store.driver}@{store.graph}+{store.run}]{NAME}"
            run((self.path, "copy", "--quiet", f"oci:{image.layout}:{REF}", there), store.env)
            made = store.newest("images")["id"]
            put_together = topmost if self.driver == "vfs" else overlay
            return Root(put_together(store.layers(made), f"{work}/merged"), layers=store.diffs(made))

        yield compose


def skopeo(name: str, driver: str) -> Skopeo:
    return Skopeo(name, *PROBE.look(), driver)
