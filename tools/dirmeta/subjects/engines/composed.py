"""``overlay:SUBJECT`` and ``flat:SUBJECT``: layers that a layer-level subject has unpacked, put together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.subjects.base import Subject
from dirmeta.subjects.engines.base import Compose, EngineError, Refused, Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.mounting import namespace, overlay

UMASK: Final = 0o022


@dataclass(frozen=True)
class Overlaid:
    """Each layer unpacked alone, then kernel overlayfs."""

    subject: Subject
    traits: Traits

    root: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"overlay:{self.subject.name}"

    @property
    def version(self) -> str:
        return self.subject.version

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        yield self._compose

    def _compose(self, image: Image, work: str) -> Root:
        layers = []
        for number, layer in enumerate(image.tars, 1):
            place = f"{work}/{number}"
            os.makedirs(f"{place}/diff")
            _unpack(self.subject, layer, f"{place}/diff", place)
            layers.append(f"{place}/diff")
        return Root(overlay(layers, f"{work}/merged"))


@dataclass(frozen=True)
class Flat:
    """Layers unpacked one over another in one directory."""

    subject: Subject
    traits: Traits

    root: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"flat:{self.subject.name}"

    @property
    def version(self) -> str:
        return self.subject.version

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        yield self._compose

    def _compose(self, image: Image, work: str) -> Root:
        root = f"{work}/root"
        os.mkdir(root)
        for layer in image.tars:
            _unpack(self.subject, layer, root, work)
        return Root(root)


def _unpack(subject: Subject, layer: bytes, dest: str, work: str) -> None:
    ended = subject.unpack(layer, dest, namespace=namespace(), delegate=True, umask=UMASK, work=work)
    if ended.trouble:
        raise EngineError(f"{subject.name}: {ended.message}")
    if ended.status:
        raise Refused(f"{subject.name}: {ended.message}")
