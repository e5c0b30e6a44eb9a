"""``engine:PROGRAM``: any program that is run as ``PROGRAM OCI_LAYOUT DEST``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.subjects.command import why_not
from dirmeta.subjects.engines.base import TIMEOUT, Compose, EngineError, Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.process import environment, found, run

TRAITS: Final = Traits("delegate", placeholder_mtime="0")


@dataclass(frozen=True)
class ProgramEngine:
    """A program of the user's, held to what the feature promises.

    DEST is an existing empty directory that holds the root file system afterwards: files, or a mount.
    """

    path: str
    name: str
    timeout: float = TIMEOUT

    version: ClassVar[str] = ""
    traits: ClassVar[Traits] = TRAITS
    root: ClassVar[bool] = False

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        env = environment(home)

        def compose(image: Image, work: str) -> Root:
            dest = f"{work}/root"
            os.mkdir(dest)
            run((self.path, image.layout, dest), env, timeout=self.timeout)
            return Root(dest)

        yield compose


def program_engine(given: str, timeout: float = TIMEOUT) -> ProgramEngine:
    """The engine ``engine:given``. Raises EngineError where there is nothing to run."""
    path = found(given)
    if not path:
        raise EngineError(f"engine:{given}: {why_not(given, 'engine')}")
    return ProgramEngine(path, f"engine:{given}", timeout)
