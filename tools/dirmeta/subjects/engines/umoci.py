"""umoci: applies layers one over another and gives parents their times back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from dirmeta.subjects.engines.base import NO_ACLS, Compose, Root, Traits
from dirmeta.subjects.engines.image import REF, Image
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import environment, run

PROBE: Final = Probe("umoci", "umoci", ("--version",), r"umoci version (\S+)", oldest="0.4.6")
TRAITS: Final = Traits("sequential", "keep", NO_ACLS, notes=("user.rootlesscontainers",))


@dataclass(frozen=True)
class Umoci:
    """Runs ``umoci raw unpack``.

    user  ``root``, or ``rootless``: owners are kept in an xattr
    """

    name: str
    path: str
    version: str
    user: str = "root"

    @property
    def traits(self) -> Traits:
        return replace(TRAITS, owners=False) if self.user == "rootless" else TRAITS

    @property
    def root(self) -> bool:
        return self.user == "root"

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        env = environment(home)
        options = ("--rootless",) * (self.user == "rootless")

        def compose(image: Image, work: str) -> Root:
            rootfs = f"{work}/rootfs"
            run((self.path, "raw", "unpack", *options, f"--image={image.layout}:{REF}", rootfs), env)
            return Root(rootfs)

        yield compose


def umoci(name: str) -> Umoci:
    return Umoci(name, *PROBE.look())


def umoci_rootless(name: str) -> Umoci:
    return Umoci(name, *PROBE.look(), "rootless")
