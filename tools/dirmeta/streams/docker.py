"""Stacks from and as archives of ``docker save`` and ``podman save``, and from archived OCI layouts."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dirmeta.model import paths
from dirmeta.model.stack import Stack
from dirmeta.streams import layout, oci
from dirmeta.streams.compress import LIMIT, decompress, sniff
from dirmeta.streams.errors import DecodeError, reading

MANIFEST: Final = "manifest.json"

_BROKEN: Final = (tarfile.TarError, ValueError, LookupError, OverflowError, RecursionError)
"""What tarfile raises on archives that lie, RecursionError where links lead in a circle."""


class _Archive:
    """The files in an archive, by clean path; links in it are followed by tarfile."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members = {paths.clean(info.name): info for info in _forwards(archive)}

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def read(self, path: str) -> bytes:
        name = paths.clean(path)
        try:
            stream = self._archive.extractfile(self._members[name])
            data = stream.read() if stream else None
        except _BROKEN:
            data = None
        if data is None:
            raise DecodeError(f"{paths.printable(path)} is missing or unreadable in the archive")
        return data


def _forwards(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members; a negative size would send tarfile back and round for ever (CVE-2025-8194)."""
    for info in archive:
        if info.size < 0:
            raise DecodeError(f"{paths.printable(info.name)} has a negative size")
        yield info


def read_archive(path: str | os.PathLike[str], ref: str | None = None, *, limit: int = LIMIT) -> Stack:
    """The stack of the image in an archive that answers to `ref`; digests in it are verified.

    ref: a repository tag like busybox:latest (in an archived OCI layout as for `read_layout`); None where
    there is one image. limit: bytes a layer, or a compressed archive, may decompress to. Raises LoadError,
    which lists the images where `ref` fits not one.
    """
    with reading(path), _opened(Path(path), limit) as archive:
        if MANIFEST in archive:
            return _saved(archive, ref, limit)
        if layout.MARKER in archive:
            return layout.stack_of(archive.read, ref, limit)
        raise DecodeError(f"is no image archive: it holds neither {MANIFEST} nor {layout.MARKER}")


def holds_images(path: str | os.PathLike[str], limit: int = LIMIT) -> bool:
    """Whether the file is an archive of images, not a layer that happens to hold a manifest.json."""
    with reading(path):
        try:
            with _opened(Path(path), limit) as archive:
                if MANIFEST in archive:
                    return bool(_images(archive))
                return layout.MARKER in archive and layout.INDEX in archive
        except DecodeError:
            return False


@contextmanager
def _opened(path: Path, limit: int) -> Iterator[_Archive]:
    with path.open("rb") as file:
        compressed = sniff(file.read(tarfile.BLOCKSIZE))
        file.seek(0)
        stream = io.BytesIO(decompress(file.read(), limit)) if compressed else file
        try:
            archive = _Archive(tarfile.TarFile(fileobj=stream))
        except _BROKEN:
            raise DecodeError("is no tar archive") from None
        yield archive


def _saved(archive: _Archive, ref: str | None, limit: int) -> Stack:
    image = layout.only(_images(archive), ref)
    config = layout.parse(archive.read(layout.member(image, "Config", str, MANIFEST)), "config")
    names = layout.member(image, "Layers", list, MANIFEST)
    return layout.layers_of((archive.read(str(name)) for name in names), len(names), config, limit)


def _images(archive: _Archive) -> tuple[layout.Named[object], ...]:
    """The images in manifest.json, by their tags and the names of their configs."""
    images = layout.parse(archive.read(MANIFEST), MANIFEST)
    if not isinstance(images, list):
        raise DecodeError(f"{MANIFEST} is no list of images")
    return tuple(layout.Named(_names(image), image) for image in images)


def _names(image: object) -> tuple[str, ...]:
    layout.member(image, "Layers", list, MANIFEST)
    tags = image.get("RepoTags") if isinstance(image, dict) else None
    return (*(str(tag) for tag in tags or ()), layout.member(image, "Config", str, MANIFEST))


def write_archive(stack: Stack, path: str | os.PathLike[str], name: str) -> None:
    """Write an archive as ``docker save`` does, with one image that is called `name` (a repository and tag).

    Raises EncodeError with the layer and the entry that a pax tar can not hold, before it writes anything.
    """
    tars = [oci.encoded(layer, number, "pax") for number, layer in enumerate(stack, 1)]
    config = oci.as_json(oci.config(tars))
    files = {f"{number}/layer.tar": data for number, data in enumerate(tars, 1)}
    image = {"Config": "config.json", "RepoTags": [name], "Layers": list(files)}
    with tarfile.open(path, "w") as archive:
        for member, data in {**files, "config.json": config, MANIFEST: oci.as_json([image])}.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
