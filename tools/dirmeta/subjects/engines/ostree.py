"""ostree: commits each layer and checks them out one over another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from dirmeta.subjects.engines.base import Compose, Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.probe import Probe
from dirmeta.subjects.engines.process import environment, run

PROBE: Final = Probe("ostree", "ostree", ("--version",), r"Version: '?([^'\s]+)", oldest="2018.9")
TRAITS: Final = Traits("sequential", "bump", times=False, links=False, placeholder_mtime="0")
"""A commit has no times, and a file that comes in twice is one."""


@dataclass(frozen=True)
class Ostree:
    """Runs ``ostree commit --tar-autocreate-parents`` and ``ostree checkout --union --whiteouts``."""

    name: str
    path: str
    version: str

    traits: ClassVar[Traits] = TRAITS
    root: ClassVar[bool] = True

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        env = environment(home)

        def compose(image: Image, work: str) -> Root:
            repo, root = f"--repo={work}/repo", f"{work}/root"
            run((self.path, "init", repo, "--mode=bare"), env)
            for number, content in enumerate(image.tars, 1):
                branch, file = f"layer{number}", Path(work) / f"{number}.tar"
                file.write_bytes(content)
                kept = ("--tar-autocreate-parents", f"--tree=tar={file}", f"--branch={branch}")
                run((self.path, "commit", repo, *kept), env)
                run((self.path, "checkout", repo, "--union", "--whiteouts", branch, root), env)
            return Root(root)

        yield compose


def ostree(name: str) -> Ostree:
    return Ostree(name, *PROBE.look())
