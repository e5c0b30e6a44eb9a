"""Engines that have a layer-level subject unpack each layer; what they do with the layers differs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.subjects.base import Subject
from dirmeta.subjects.engines.base import Compose, EngineError, Refused, Root
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.mounting import namespace

UMASK: Final = 0o022


@dataclass(frozen=True)
class Layerwise:
    """``HOW:SUBJECT``; a subclass says how, and composes."""

    subject: Subject

    how: ClassVar[str]
    root: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"{self.how}:{self.subject.name}"

    @property
    def version(self) -> str:
        return self.subject.version

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        yield self.compose

    def compose(self, image: Image, work: str) -> Root:
        """The root file system of an image, in an empty directory. Raises Refused, EngineError."""
        raise NotImplementedError


def unpack(subject: Subject, layer: bytes, dest: str, work: str, *, delegate: bool) -> None:
    """Have a subject unpack a layer into `dest`, which is in `work`. Raises Refused, EngineError."""
    ended = subject.unpack(layer, dest, namespace=namespace(), delegate=delegate, umask=UMASK, work=work)
    if ended.trouble:
        raise EngineError(f"{subject.name}: {ended.message}")
    if ended.status:
        raise Refused(f"{subject.name}: {ended.message}")
