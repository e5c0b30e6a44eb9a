"""Built kernels, under a key of their content; a name points to the one that was built under it last."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from dirmeta import locations
from dirmeta.kernels import config
from dirmeta.kernels.sources import Origin
from dirmeta.kernels.variants import Arch, Variant

_FACTS: Final = "built.json"
_UNNAMED_KEPT: Final = 24 * 3600.0
"""Seconds: guests of runs under way still boot an image whose name was given to another."""


@dataclass(frozen=True)
class Built:
    """A kernel that can be booted.

    name      what it was built as last, e.g. ``6.12+dirmeta``
    image     of a program (um) or a bzImage (x86)
    version   of its source, as the kernel itself says it
    source    where that came from
    patches   the names of those applied
    batching  whether it has the system call that runs many
    options   what became of those wanted: name without ``CONFIG_`` → value
    recipe    digest of what the suite puts into it: patches and configuration
    key       digest of all that it is made from
    """

    name: str
    arch: Arch
    image: Path
    version: str
    source: str
    patches: tuple[str, ...]
    batching: bool
    options: config.Options
    recipe: str
    key: str


def recipe(variant: Variant) -> str:
    """A digest of a variant's patches and configuration."""
    parts = [
        config.fragments(variant.arch, variant.extras).encode(),
        *(patch.text for patch in variant.patches),
    ]
    return _digest(variant.arch.encode(), *parts)


def key(variant: Variant, origin: Origin, compiler: str) -> str:
    """A digest of all that an image is made from."""
    return _digest(recipe(variant).encode(), origin.identity.encode(), compiler.encode())


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:32]


class Store:
    """Images below a directory. What is in it is complete, whenever one looks and whoever was killed."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or home()

    def add(self, built: Built, part: Path) -> Built:
        """Copy an image in and give its name to it; the same with its new place.

        part  where to put it together: a path on the same file system that nobody else uses
        """
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        shutil.copy(built.image, part / built.image.name)
        facts = asdict(built) | {"image": built.image.name}
        (part / _FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
        self._images.mkdir(parents=True, exist_ok=True)
        place = self._images / built.key
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
        added = self.point(built.name, replace(built, image=place / built.image.name))
        self._sweep(_UNNAMED_KEPT)
        return added

    def get(self, key: str) -> Built | None:
        """The kernel with this key."""
        return _read(self._images / key)

    def point(self, name: str, built: Built) -> Built:
        """Give a name to a kernel that is here; the same under that name."""
        link = self._link(name, built.arch)
        link.parent.mkdir(parents=True, exist_ok=True)
        part = link.with_name(f".{link.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        part.symlink_to(os.path.relpath(self._images / built.key, link.parent))
        part.replace(link)
        return replace(built, name=name)

    def named(self, name: str, arch: Arch) -> Built | None:
        """The kernel that a name was given to last."""
        built = _read(self._link(name, arch))
        return built and replace(built, name=name)

    def all(self) -> Iterator[Built]:
        """Every kernel with a name, in the order of names."""
        for link in sorted(self._names.glob("*/*")):
            built = _read(link)
            if built and not link.name.startswith("."):  # a name being given
                yield replace(built, name=unquote(link.name))

    def remove(self, name: str, arch: Arch) -> None:
        """Take a name away, and every image that has none then."""
        self._link(name, arch).unlink(missing_ok=True)
        self._sweep(0)

    def _sweep(self, age: float) -> None:
        """Remove images that are without a name and older than `age` in seconds."""
        named = {os.path.basename(os.readlink(link)) for link in self._names.glob("*/*")}
        for image in self._images.glob("*"):
            if image.name not in named and time.time() - image.stat().st_mtime >= age:
                shutil.rmtree(image, ignore_errors=True)

    def _link(self, name: str, arch: Arch) -> Path:
        return self._names / arch / quote(name, safe="+:")

    @property
    def _images(self) -> Path:
        return self.directory / "images"

    @property
    def _names(self) -> Path:
        return self.directory / "names"


def home() -> Path:
    """Where everything about kernels is kept."""
    return locations.cache() / "kernels"


def _read(place: Path) -> Built | None:
    try:
        facts = json.loads((place / _FACTS).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    facts |= {"image": place.resolve() / facts["image"], "patches": tuple(facts["patches"])}
    return Built(**facts)
