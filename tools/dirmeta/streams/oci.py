"""Stacks as OCI image layout directories.

Source: OCI image-spec 1.0, image-layout.md. The same stack gives the same files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from dirmeta.model.stack import Layer, Stack, TarFormat
from dirmeta.streams import layout, tar
from dirmeta.streams.compress import LIMIT, Compression, compress
from dirmeta.streams.errors import EncodeError, reading

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_MEDIA_TYPES: Final[dict[Compression, str]] = {"": _LAYER, "gzip": _LAYER + "+gzip", "zstd": _LAYER + "+zstd"}

_Descriptor = dict[str, Any]


def write_layout(
    stack: Stack,
    directory: str | os.PathLike[str],
    *,
    format: TarFormat = "pax",
    compression: Compression = "gzip",
    ref: str = "latest",
) -> None:
    """Make `directory`, new or empty, an image layout with one image that is named `ref`.

    Raises EncodeError with the layer and the entry that `format` can not hold, before it writes anything.
    """
    tars = [encoded(layer, number, format) for number, layer in enumerate(stack, 1)]
    root = Path(directory)
    (root / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _put(root, _CONFIG, as_json(config(tars))),
        "layers": [_put(root, _MEDIA_TYPES[compression], compress(data, compression)) for data in tars],
    }
    image = _put(root, _MANIFEST, as_json(manifest)) | {"annotations": {layout.REF_NAME: ref}}
    (root / layout.INDEX).write_bytes(as_json({"schemaVersion": 2, "manifests": [image]}))
    (root / layout.MARKER).write_bytes(as_json({"imageLayoutVersion": "1.0.0"}))


def read_layout(directory: str | os.PathLike[str], ref: str | None = None, *, limit: int = LIMIT) -> Stack:
    """The stack of the image in a layout directory that answers to `ref`, every digest verified.

    ref: a reference name, a platform like linux/arm64, or a digest; None where there is one image.
    limit: bytes a layer may decompress to. Raises LoadError, which lists the images where `ref` fits not one.
    """
    root = Path(directory)
    with reading(root):
        return layout.stack_of(lambda name: (root / name).read_bytes(), ref, limit)


def read_blobs(directory: str | os.PathLike[str], ref: str | None = None) -> tuple[bytes, ...]:
    """The layers of that image as they are stored, lowest first. Raises LoadError as `read_layout` does."""
    root = Path(directory)
    with reading(root):
        return tuple(layout.blobs_of(lambda name: (root / name).read_bytes(), ref))


def encoded(layer: Layer, number: int, format: TarFormat) -> bytes:
    try:
        return tar.encode(layer, format)
    except EncodeError as error:
        raise EncodeError(f"layer {number}: {error}") from None


def config(tars: list[bytes]) -> dict[str, Any]:
    """An image configuration that runs nothing; only its diff_ids say something."""
    return {
        "created": "1970-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layout.digest(data) for data in tars]},
    }


def _put(root: Path, media_type: str, data: bytes) -> _Descriptor:
    """Store a blob; its descriptor."""
    name = layout.digest(data)
    (root / layout.blob_path(name)).write_bytes(data)
    return {"mediaType": media_type, "digest": name, "size": len(data)}


def as_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
