"""The images in an OCI layout, wherever its files are: a directory, or an archive.

Source: OCI image-spec, image-layout.md, image-index.md, manifest.md, config.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from dirmeta.model.stack import Layer, Stack
from dirmeta.streams import tar
from dirmeta.streams.compress import decompress
from dirmeta.streams.errors import DecodeError

Read = Callable[[str], bytes]
"""Gives the bytes of a file of the layout, named by its path in it."""

MARKER: Final = "oci-layout"
INDEX: Final = "index.json"
REF_NAME: Final = "org.opencontainers.image.ref.name"

_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ATTESTATION: Final = "vnd.docker.reference.type"
"""The annotation by which BuildKit tells its attestations from images."""
_DIGEST: Final = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")

T = TypeVar("T")


@dataclass(frozen=True)
class Named(Generic[T]):
    """Something with what it can be asked for by, at least one name."""

    names: tuple[str, ...]
    value: T


def stack_of(read: Read, ref: str | None, limit: int) -> Stack:
    """The layers of the one image that answers to `ref`, every digest verified.

    ref: a reference name, a platform like linux/arm64, or a digest; None where there is one image.
    """
    manifest = _manifest(read, ref)
    config = parse(_blob(read, member(manifest, "config", dict, "manifest"), "config"), "config")
    layers = member(manifest, "layers", list, "manifest")
    return layers_of((_layer_blob(read, layer) for layer in layers), len(layers), config, limit)


def blobs_of(read: Read, ref: str | None) -> Iterator[bytes]:
    """The layers of that image as they are stored, lowest first, every digest verified."""
    return (_layer_blob(read, layer) for layer in member(_manifest(read, ref), "layers", list, "manifest"))


def _manifest(read: Read, ref: str | None) -> object:
    index = parse(read(INDEX), INDEX)
    return parse(_blob(read, only(tuple(_images(read, index, INDEX, ())), ref), "manifest"), "manifest")


def layers_of(blobs: Iterable[bytes], count: int, config: object, limit: int) -> Stack:
    """The layers in `count` blobs, lowest first, checked against the digests in the image's config."""
    diff_ids = member(member(config, "rootfs", dict, "config"), "diff_ids", list, "config: rootfs")
    if count != len(diff_ids):
        raise DecodeError(f"config: {len(diff_ids)} diff_ids for {count} layers")
    return tuple(
        _layer(blob, diff_id, number, limit)
        for number, (blob, diff_id) in enumerate(zip(blobs, diff_ids, strict=True), 1)
    )


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob_path(name: str) -> str:
    """Where the blob with that digest is; nothing but a digest makes a path."""
    if not _DIGEST.fullmatch(name):
        raise DecodeError(f"{name!r} is no sha256 or sha512 digest")
    return f"blobs/{name.replace(':', '/')}"


def parse(data: bytes, what: str) -> object:
    try:
        return json.loads(data)
    except ValueError as error:
        raise DecodeError(f"{what} is not JSON: {error}") from None


def member(value: object, key: str, kind: type[T], what: str) -> T:
    """`value[key]`, where `value` is an object that has it and it is a `kind`."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise DecodeError(f"{what} has no {key}")
    return found


def _layer(blob: bytes, diff_id: object, number: int, limit: int) -> Layer:
    try:
        plain = decompress(blob, limit)
        if not isinstance(diff_id, str) or not _matches(plain, diff_id):
            raise DecodeError(f"is not what its diff_id {diff_id} says")
        return tar.decode(plain)
    except DecodeError as error:
        raise DecodeError(f"layer {number}: {error}") from None


def _layer_blob(read: Read, descriptor: object) -> bytes:
    media_type = member(descriptor, "mediaType", str, "layer")
    if ".tar" not in media_type:
        raise DecodeError(f"{media_type!r} is no media type of a layer")
    return _blob(read, descriptor, "layer")


def _blob(read: Read, descriptor: object, what: str) -> bytes:
    name = member(descriptor, "digest", str, what)
    data = read(blob_path(name))
    if not _matches(data, name):
        raise DecodeError(f"{blob_path(name)} is not what its digest says")
    return data


def _matches(data: bytes, name: str) -> bool:
    match = _DIGEST.fullmatch(name)
    if match is None:
        raise DecodeError(f"{name!r} is no sha256 or sha512 digest")
    algorithm, value = (group for group in match.groups() if group)
    return hashlib.new(algorithm, data).hexdigest() == value


def _images(read: Read, index: object, what: str, names: tuple[str, ...]) -> Iterator[Named[object]]:
    """The manifests in an index and in the indexes in it, attestations left out.

    Their names are reference names, platforms and digests.
    """
    for descriptor in member(index, "manifests", list, what):
        name = member(descriptor, "digest", str, what)
        if _ATTESTATION in _object(descriptor, "annotations"):
            continue
        called = (*names, *_names(descriptor))
        if descriptor.get("mediaType") in _INDEXES:
            yield from _images(read, parse(_blob(read, descriptor, what), name), name, called)
        else:
            yield Named((*called, name), descriptor)


def _names(descriptor: object) -> Iterator[str]:
    name = _object(descriptor, "annotations").get(REF_NAME)
    if isinstance(name, str):
        yield name
    platform = _object(descriptor, "platform")
    if platform:
        parts = (platform.get(key) for key in ("os", "architecture", "variant"))
        yield "/".join(part for part in parts if isinstance(part, str))


def _object(value: object, key: str) -> dict[str, Any]:
    """`value[key]` where that is an object, else an empty one."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def only(candidates: Sequence[Named[T]], ref: str | None) -> T:
    """The one that answers to `ref`; DecodeError says which there are."""
    named = [one for one in candidates if ref is None or ref in one.names]
    if len(named) == 1:
        return named[0].value
    there_are = ", ".join(_label(one) for one in named or candidates) or "none"
    if ref is None:
        raise DecodeError(f"holds {len(named)} images, ask for one by name: {there_are}")
    if named:
        raise DecodeError(f"{ref} is the name of {len(named)} images: {there_are}")
    raise DecodeError(f"holds no image {ref}; there are: {there_are}")


def _label(one: Named[T]) -> str:
    """Its names, or its digest where it has no other."""
    return " ".join(name for name in one.names if not _DIGEST.fullmatch(name)) or one.names[0]
