"""docker: a daemon that loads images into a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from dirmeta.subjects.engines import machine, mounting
from dirmeta.subjects.engines.base import NO_ACLS, Compose, EngineError, Globs, Root, Traits
from dirmeta.subjects.engines.containerd import chain_id
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.mounting import fuse_overlay, overlay, topmost
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import daemon, environment

PROBE: Final = Probe("dockerd", "docker.io", ("--version",), r"Docker version ([^\s,]+)", oldest="19.03")
CLIENT: Final = Probe("docker", "docker.io", ("--version",), r"Docker version ([^\s,]+)")

TRAITS: Final = {
    "overlay2": Traits("topmost", keeps=NO_ACLS, diffs=True),
    "fuse-overlayfs": Traits("topmost", keeps=NO_ACLS),
    "vfs": Traits("sequential", "bump", keeps=Globs(("security.*",)), placeholder_mode="0600"),
}
"""vfs copies layers without user xattrs, and makes missing parents for root alone."""

_OPTIONS: Final = (
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
)

_PUT_TOGETHER: Final = {"overlay2": overlay, "fuse-overlayfs": fuse_overlay, "vfs": topmost}


@dataclass(frozen=True)
class Docker:
    """Runs ``docker load`` and puts together what that has unpacked."""

    name: str
    path: str
    version: str
    client: str
    driver: str

    root: ClassVar[bool] = True

    @property
    def traits(self) -> Traits:
        return TRAITS[self.driver]

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        env = environment(home)
        socket, data = f"{home}/docker.sock", f"{home}/data"
        settings = Path(home) / "daemon.json"
        settings.write_text("{}")
        argv = (
            self.path, f"--config-file={settings}", f"--data-root={data}", f"--exec-root={home}/exec",
            f"--pidfile={home}/docker.pid", f"--host=unix://{socket}",
            f"--storage-driver={self.driver}", *_OPTIONS,
        )  # fmt: skip
        machine.writable_etc(home)  # it keeps a key there that no option moves
        docker = (self.client, f"--host=unix://{socket}")
        with daemon(argv, env, home=home, socket=socket) as server:

            def compose(image: Image, work: str) -> Root:
                server.ask((*docker, "load", "--quiet", "--input", image.docker_archive), env)
                layers = self._layers(data, image)
                root = _PUT_TOGETHER[self.driver](layers, f"{work}/merged")
                return Root(root, layers=layers if self.driver == "overlay2" else ())

            yield compose

    def _layers(self, data: str, image: Image) -> tuple[str, ...]:
        """The directories of an image's layers, lowest first."""
        known = f"{data}/image/{self.driver}/layerdb/sha256"
        place = "vfs/dir/{}" if self.driver == "vfs" else f"{self.driver}/{{}}/diff"
        found = []
        for number in range(1, len(image.diff_ids) + 1):
            chain = chain_id(image.diff_ids[:number]).removeprefix("sha256:")
            try:
                name = Path(f"{known}/{chain}/cache-id").read_text("ascii").strip()
            except OSError as error:
                raise EngineError(f"docker's store has no layer {number}: {error}") from error
            found.append(f"{data}/{place.format(name)}")
        return tuple(found)


def docker(name: str, driver: str) -> Docker:
    mounting.require(driver)
    return Docker(name, *PROBE.look(), CLIENT.look().path, driver)
