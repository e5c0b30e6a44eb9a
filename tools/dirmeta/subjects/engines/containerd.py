"""containerd: a daemon that unpacks images into snapshots."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from dirmeta.subjects.engines.base import NO_ACLS, Compose, Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import daemon, environment, run

PROBE: Final = Probe("containerd", "containerd", ("--version",), r"containerd \S+ (\S+)", oldest="1.4")
CLIENT: Final = Probe("ctr", "containerd", ("--version",), r"ctr \S+ (\S+)")

TRAITS: Final = {
    "overlayfs": Traits("inherit", keeps=NO_ACLS, diffs=True),
    "native": Traits("sequential", "bump", keeps=NO_ACLS),
}
"""The overlayfs snapshotter unpacks into an empty directory, with the parents' snapshots at hand."""

_LOWERS: Final = re.compile(r"lowerdir=([^,\s]+)")
_BOUND: Final = re.compile(r"mount -t bind (\S+)")

_SETTINGS: Final = """
version = 2
root = "{home}/root"
state = "{home}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[plugins."io.containerd.gc.v1.scheduler"]
# What is viewed here has no lease, and would be gone before it is mounted.
deletion_threshold = 0
mutation_threshold = 1000000
startup_delay = "1h"
"""


@dataclass(frozen=True)
class Containerd:
    """Runs ``ctr images import``, then mounts a view of the topmost snapshot."""

    name: str
    path: str
    version: str
    client: str
    snapshotter: str

    root: ClassVar[bool] = True

    @property
    def traits(self) -> Traits:
        return TRAITS[self.snapshotter]

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        env = environment(home)
        socket, settings = f"{home}/containerd.sock", Path(home) / "containerd.toml"
        settings.write_text(_SETTINGS.format(home=home, socket=socket))
        ctr = (self.client, "--address", socket)
        with daemon((self.path, "--config", str(settings)), env, home=home, socket=socket) as server:

            def compose(image: Image, work: str) -> Root:
                chosen = ("--snapshotter", self.snapshotter)
                server.ask((*ctr, "images", "import", *chosen, image.oci_archive), env)
                top, view, at = chain_id(image.diff_ids), os.path.dirname(work), f"{work}/root"
                os.mkdir(at)
                server.ask((*ctr, "snapshots", *chosen, "view", view, top), env)
                how = server.ask((*ctr, "snapshots", *chosen, "mounts", at, view), env)
                run(("sh", "-ec", how), env)
                return Root(at, layers=layers_of(how))

            yield compose


def layers_of(command: str) -> tuple[str, ...]:
    """The diff directories, lowest first, that a mount command of the overlayfs snapshotter is about."""
    if found := _LOWERS.search(command):
        return tuple(reversed(found[1].split(":")))
    only = _BOUND.search(command) if "/io.containerd.snapshotter.v1.overlayfs/" in command else None
    return (only[1],) if only else ()


def chain_id(diff_ids: Sequence[str]) -> str:
    """What a stack of layers is called. Source: OCI image-spec, config.md, "Layer ChainID"."""
    chain, *rest = diff_ids
    for diff_id in rest:
        chain = "sha256:" + hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest()
    return chain


def containerd(name: str, snapshotter: str) -> Containerd:
    return Containerd(name, *PROBE.look(), CLIENT.look().path, snapshotter)
