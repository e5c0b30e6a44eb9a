"""podman: pulls an image into a store of its own and mounts it."""

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

PROBE: Final = Probe("podman", "podman", ("--version",), r"podman version (\S+)", oldest="3.0")


@dataclass(frozen=True)
class Podman:
    """Runs ``podman pull`` and ``podman image mount``."""

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
        podman = (self.path, *store.options, f"--tmpdir={home}/libpod")

        def compose(image: Image, work: str) -> Root:
            number = run((*podman, "pull", "--quiet", f"oci:{image.layout}:{REF}"), store.env).strip()
            at = run((*podman, "image", "mount", number), store.env).strip()
            return Root(at, layers=store.diffs(number))

        yield compose


def podman(name: str, driver: str) -> Podman:
    mounting.require(driver)
    return Podman(name, *PROBE.look(), driver)
