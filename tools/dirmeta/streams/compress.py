"""Compressed layers: the same bytes give the same blob, and no blob grows without a limit."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Final, Literal

import zstandard

from dirmeta.streams.errors import DecodeError

Compression = Literal["", "gzip", "zstd"]

LIMIT: Final = 1 << 30
"""Bytes a layer may decompress to where nothing else is asked for."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = tuple(bytes((first,)) + b"\x2a\x4d\x18" for first in range(0x50, 0x60))
"""How a skippable frame begins (RFC 8878, 3.1.2)."""
_GZIP_WITH_HEADER: Final = 31
_FEED: Final = 4096
"""Compressed bytes given to zstd at a time: four can grow to a block of 128 KiB, so the limit is
overrun by 128 MiB at most."""


def compress(data: bytes, how: Compression) -> bytes:
    """`data` compressed, without a time or a name in the header."""
    if how == "gzip":
        return zlib.compress(data, wbits=_GZIP_WITH_HEADER)
    if how == "zstd":
        return zstandard.ZstdCompressor().compress(data)
    return data


def decompress(data: bytes, limit: int = LIMIT) -> bytes:
    """`data` as it was before gzip or zstd; anything else comes back as it is.

    limit: bytes the result may have.
    """
    how = sniff(data)
    try:
        if how == "gzip":
            return _gunzip(data, limit)
        if how == "zstd":
            return _unzstd(data, limit)
    except (OSError, EOFError, zlib.error) as error:
        raise DecodeError(f"unreadable gzip: {error}") from None
    except zstandard.ZstdError as error:
        raise DecodeError(f"unreadable zstd: {error}") from None
    return data


def sniff(data: bytes) -> Compression:
    """How `data` is compressed. A tar header counts first: a name in it may begin with any bytes."""
    if data[257:262] == b"ustar":
        return ""
    if data.startswith(_GZIP):
        return "gzip"
    return "zstd" if data.startswith((_ZSTD, *_ZSTD_SKIPPABLE)) else ""


def _gunzip(data: bytes, limit: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        plain = stream.read(limit + 1)
    if len(plain) > limit:
        raise _too_large(limit)
    return plain


def _unzstd(data: bytes, limit: int) -> bytes:
    """All frames one after another, skippable ones without a result (zstd:chunked has both)."""
    decompressor = zstandard.ZstdDecompressor()
    frame = decompressor.decompressobj()
    plain: list[bytes] = []
    size = 0
    for start in range(0, len(data), _FEED):
        piece = data[start : start + _FEED]
        while piece:
            if frame.eof:
                frame = decompressor.decompressobj()
            plain.append(frame.decompress(piece))
            size += len(plain[-1])
            if size > limit:
                raise _too_large(limit)
            piece = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise DecodeError("unreadable zstd: the stream ends within a frame")
    return b"".join(plain)


def _too_large(limit: int) -> DecodeError:
    return DecodeError(f"decompresses to more than the {limit} bytes allowed")
