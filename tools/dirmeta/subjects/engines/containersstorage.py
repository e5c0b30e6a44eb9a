"""The command ``containers-storage``: applies each layer to a store, and mounts the topmost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from dirmeta.subjects.engines import containers
from dirmeta.subjects.engines.base import Compose, Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import run

PROBE: Final = Probe("containers-storage", "containers-storage")


@dataclass(frozen=True)
class ContainersStorage:
    """Runs ``containers-storage create-layer``, ``apply-diff`` and ``mount``.

    settings  of the driver, as ``--storage-opt`` takes them
    """

    name: str
    path: str
    version: str
    driver: str
    settings: tuple[str, ...] = ()

    root: ClassVar[bool] = True

    @property
    def traits(self) -> Traits:
        return containers.TRAITS[self.driver]

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        def compose(image: Image, work: str) -> Root:
            store = containers.Store(work, self.driver)
            options = tuple(f"--storage-opt={each}" for each in self.settings)
            tool = (
                self.path,
                *options,
                "--graph",
                store.graph,
                "--run",
                store.run,
                "--storage-driver",
                store.driver,
            )
            layer, diffs = "", []
            for number, content in enumerate(image.tars, 1):
                below, layer = layer, f"layer{number}"
                diffs.append(f"{store.graph}/overlay/{layer}/diff")
                run((*tool, "create-layer", "--id", layer, *filter(None, (below,))), store.env)
                file = Path(work) / f"{layer}.tar"
                file.write_bytes(content)
                run((*tool, "apply-diff", "--file", str(file), layer), store.env)
            at = run((*tool, "mount", layer), store.env).strip()
            return Root(at, layers=tuple(diffs) if self.driver == "overlay" else ())

        yield compose


def containers_storage(name: str, driver: str) -> ContainersStorage:
    return ContainersStorage(name, *PROBE.look(), driver)
