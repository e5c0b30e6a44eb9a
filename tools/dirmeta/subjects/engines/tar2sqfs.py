"""tar2sqfs: makes a squashfs image of each layer; the kernel puts them together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.subjects.engines.base import Compose, Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.mounting import overlay
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import environment, run

PROBE: Final = Probe("tar2sqfs", "squashfs-tools-ng", ("--version",), r"tar2sqfs[^\d]*(\d\S*)")
TRAITS: Final = Traits("topmost", whiteouts=False, placeholder_mtime="0")


@dataclass(frozen=True)
class Tar2sqfs:
    """Runs ``tar2sqfs``, and mounts what it makes on loop devices."""

    name: str
    path: str
    version: str

    traits: ClassVar[Traits] = TRAITS
    root: ClassVar[bool] = True

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        env = environment(home)

        def compose(image: Image, work: str) -> Root:
            layers = []
            for number, content in enumerate(image.tars, 1):
                file, at = f"{work}/{number}.sqfs", f"{work}/{number}"
                run((self.path, "--quiet", file), env, stdin=content)
                os.mkdir(at)
                run(("mount", "-t", "squashfs", "-o", "loop,ro", file, at), env)
                layers.append(at)
            return Root(overlay(layers, f"{work}/merged"))

        yield compose


def tar2sqfs(name: str) -> Tar2sqfs:
    return Tar2sqfs(name, *PROBE.look())
