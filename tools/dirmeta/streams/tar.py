"""A layer as a tar stream, and back: ``decode(encode(layer, format)) == layer``, or EncodeError."""

from __future__ import annotations

import tarfile
from typing import Final

from dirmeta.model.entries import Entry, kind_of_file
from dirmeta.model.paths import printable
from dirmeta.model.stack import Layer, TarFormat
from dirmeta.streams import compress, library, pax, plain
from dirmeta.streams.errors import DecodeError, EncodeError
from dirmeta.streams.library import END
from dirmeta.streams.limits import canonical, lost, overflow
from dirmeta.streams.plain import BLOCK

_MAGIC: Final[dict[TarFormat, bytes]] = {
    "pax": tarfile.POSIX_MAGIC,
    "gnu": tarfile.GNU_MAGIC,
    "ustar": tarfile.POSIX_MAGIC,
}


def encode(layer: Layer, format: TarFormat = "pax") -> bytes:
    """A plain tar file of `layer`, the two zero blocks at its end included.

    Raises EncodeError with the entry and what `format` can not hold of it.
    """
    parts: list[bytes] = []
    for entry in layer.entries:
        parts.append(_header(entry, format))
        if content := entry.content:
            parts += (content, bytes(-len(content) % BLOCK))
    parts.append(END)
    return b"".join(parts)


def _header(entry: Entry, format: TarFormat) -> bytes:
    if why := lost(entry, format):
        raise _refused(entry, why)
    block = plain.write(entry, library.TYPES[entry.kind], _MAGIC[format])
    try:
        if block is None:
            return library.header(entry, format)
        more = pax.records(entry) if entry.xattrs or entry.mtime % pax.SECOND else None
        return library.records(tuple(more.items())) + block if more else block
    except ValueError as error:
        raise _refused(entry, overflow(entry, format) or str(error)) from None


def _refused(entry: Entry, why: str) -> EncodeError:
    name = printable(entry.name) if canonical(entry.name) else ascii(entry.name)
    return EncodeError(f"{name}: {why}")


def decode(data: bytes, limit: int = compress.LIMIT) -> Layer:
    """The layer in a tar file, plain or compressed with gzip or zstd.

    limit: bytes it may decompress to. Records of a PAX global header hold for the entries after it.
    Raises DecodeError with the last entry that could be read.
    """
    data = compress.decompress(data, limit)
    archive, at = library.Archive(data), 0
    entries: list[Entry] = []
    try:
        while (found := _plain_entry(archive, data, at) or archive.entry(at)) is not None:
            entry, at = found
            entries.append(entry)
    except DecodeError:
        raise
    except library.UNREADABLE as error:
        where = f"after {printable(entries[-1].name)}" if entries else "at its beginning"
        why = f"truncated {where}" if archive.ran_out else f"unreadable header {where}: {error}"
        raise DecodeError(why) from None
    return Layer(tuple(entries))


def _plain_entry(archive: library.Archive, data: bytes, at: int) -> tuple[Entry, int] | None:
    """As `Archive.entry`, of an entry with a plain header and at most one extended one of two blocks."""
    if archive.has_defaults:
        return None
    more = library.NOTHING
    if data[at + 156 : at + 157] == tarfile.XHDTYPE:
        begin, at = at, at + 2 * BLOCK
        if (said := library.extended(data[begin:at])) is None:
            return None
        more = said
    header = plain.read(data, at)
    if header is None:
        return None
    begin = at + BLOCK
    end = begin + header.size if header.type == tarfile.REGTYPE else begin
    if end > len(data):
        return None
    kind = library.KINDS[header.type]
    try:
        entry = Entry(
            header.name,
            kind_of_file(header.name) if kind == "file" and ".wh." in header.name else kind,
            header.mode & 0o7777,
            header.uid,
            header.gid,
            header.seconds * pax.SECOND if more.mtime is None else more.mtime,
            more.xattrs,
            data[begin:end],
            header.target if kind in ("symlink", "hardlink") else "",
            header.device,
        )
    except ValueError:
        return None
    return entry, end + -end % BLOCK
