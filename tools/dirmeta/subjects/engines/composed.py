"""``overlay:SUBJECT`` and ``flat:SUBJECT``: layers that a layer-level subject has unpacked, put together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

from dirmeta.subjects.engines.base import Root, Traits
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.layerwise import Layerwise, unpack
from dirmeta.subjects.engines.mounting import overlay


@dataclass(frozen=True)
class Overlaid(Layerwise):
    """Each layer unpacked alone, then kernel overlayfs."""

    traits: Traits

    how: ClassVar[str] = "overlay"

    def compose(self, image: Image, work: str) -> Root:
        layers = []
        for number, layer in enumerate(image.tars, 1):
            place = f"{work}/{number}"
            os.makedirs(f"{place}/diff")
            unpack(self.subject, layer, f"{place}/diff", place, delegate=True)
            layers.append(f"{place}/diff")
        return Root(overlay(layers, f"{work}/merged"))


@dataclass(frozen=True)
class Flat(Layerwise):
    """Layers unpacked one over another in one directory."""

    traits: Traits

    how: ClassVar[str] = "flat"

    def compose(self, image: Image, work: str) -> Root:
        root = f"{work}/root"
        os.mkdir(root)
        for layer in image.tars:
            unpack(self.subject, layer, root, work, delegate=True)
        return Root(root)
