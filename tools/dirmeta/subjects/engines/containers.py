"""What the tools over containers/storage share: settings of their own, and how their stores look."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from dirmeta.subjects.engines.base import NO_ACLS, EngineError, Traits
from dirmeta.subjects.engines.mounting import FUSE
from dirmeta.subjects.engines.process import environment, found

DRIVERS: Final = ("overlay", "vfs", FUSE)

TRAITS: Final = {
    "overlay": Traits("topmost", keeps=NO_ACLS, diffs=True),
    "vfs": Traits("sequential", "bump", keeps=NO_ACLS),
    "fuse-overlayfs": Traits("topmost", keeps=NO_ACLS),
}
"""An overlay driver unpacks each layer into an empty directory; vfs applies it to a copy of its parent."""


_CONF: Final = """
[engine]
events_logger = "none"
cgroup_manager = "cgroupfs"
[network]
network_config_dir = "{home}/networks"
"""
"""podman makes the directory of networks where it is missing, and /etc can not be written."""


class Store:
    """Where a tool keeps its images, and how it is told so.

    home    an empty directory
    driver  one of `DRIVERS`
    """

    def __init__(self, home: str, driver: str) -> None:
        self.driver = "vfs" if driver == "vfs" else "overlay"
        self.graph, self.run = f"{home}/graph", f"{home}/run"
        self.settings = {"overlay.mount_program": found(FUSE)} if driver == "fuse-overlayfs" else {}
        self.env = _settings(home, self)

    @property
    def options(self) -> tuple[str, ...]:
        """For podman and buildah."""
        return (
            f"--root={self.graph}", f"--runroot={self.run}", f"--storage-driver={self.driver}",
            *(f"--storage-opt={name}={value}" for name, value in self.settings.items()),
        )  # fmt: skip

    def newest(self, kind: str) -> dict[str, Any]:
        """The record of the image or container that came last; an image that comes again is not new."""
        return self._records(kind)[-1]

    def layers(self, image: str) -> tuple[str, ...]:
        """The directories of the layers of an image, by its id, lowest first."""
        tops = {each["id"]: each["layer"] for each in self._records("images")}
        parents = {layer["id"]: layer.get("parent", "") for layer in self._records("layers")}
        chain = [tops[image]]
        while parents.get(chain[0]):
            chain.insert(0, parents[chain[0]])
        if self.driver == "vfs":
            return tuple(f"{self.graph}/vfs/dir/{name}" for name in chain)
        return tuple(f"{self.graph}/overlay/{name}/diff" for name in chain)

    def diffs(self, image: str) -> tuple[str, ...]:
        """The same where each is a diff directory in the format of overlayfs; else none."""
        return self.layers(image) if self.driver == "overlay" and not self.settings else ()

    def _records(self, kind: str) -> list[dict[str, Any]]:
        path = Path(self.graph) / f"{self.driver}-{kind}/{kind}.json"
        try:
            records: list[dict[str, Any]] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise EngineError(f"the store has no list of {kind}: {error}") from error
        return records


def _settings(home: str, store: Store) -> dict[str, str]:
    """Write settings in which nothing of the machine's counts; the environment that points to them."""
    folder = Path(home) / ".config/containers"
    folder.mkdir(parents=True)
    (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (folder / "registries.conf").write_text("")
    (folder / "containers.conf").write_text(_CONF.format(home=home))
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "{store.driver}"\ngraphroot = "{store.graph}"\nrunroot = "{store.run}"\n'
    )
    os.mkdir(store.run, 0o711)
    return environment(
        home,
        CONTAINERS_CONF=str(folder / "containers.conf"),
        CONTAINERS_STORAGE_CONF=str(folder / "storage.conf"),
        CONTAINERS_REGISTRIES_CONF=str(folder / "registries.conf"),
    )
