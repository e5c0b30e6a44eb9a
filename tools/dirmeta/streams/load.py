"""A stack from whatever a person has at hand."""

from __future__ import annotations

import os
from pathlib import Path

from dirmeta.model.stack import Layer, Stack
from dirmeta.streams import docker, layout, oci, tar
from dirmeta.streams.compress import LIMIT
from dirmeta.streams.errors import LoadError, reading

AnyPath = str | os.PathLike[str]


def load(*paths: AnyPath, ref: str | None = None, limit: int = LIMIT) -> Stack:
    """The stack in an OCI layout directory, in an image archive, or in layer tar files, lowest first.

    ref: which image, where there are several. limit: bytes each layer may decompress to.
    Raises LoadError, one line that names the path.
    """
    if len(paths) == 1:
        return _alone(Path(paths[0]), ref, limit)
    return tuple(_layer(Path(path), ref, limit) for path in paths)


def _alone(path: Path, ref: str | None, limit: int) -> Stack:
    if path.is_dir():
        if not (path / layout.MARKER).is_file():
            raise LoadError(
                f"{path}: is a directory without {layout.MARKER}; "
                "give an OCI layout, an image archive or layer tar files"
            )
        return oci.read_layout(path, ref, limit=limit)
    if docker.holds_images(path, limit):
        return docker.read_archive(path, ref, limit=limit)
    return (_layer(path, ref, limit),)


def _layer(path: Path, ref: str | None, limit: int) -> Layer:
    if ref is not None:
        raise LoadError(f"{path}: is no image, so it holds none named {ref}")
    with reading(path):
        return tar.decode(path.read_bytes(), limit)
