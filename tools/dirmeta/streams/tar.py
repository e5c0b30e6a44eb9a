"""A layer as a tar stream, and back.

The standard library's tarfile writes and reads the headers; what is here keeps names as they are
spelled, times as integers and xattrs as bytes. ``decode(encode(layer, format)) == layer``, or
EncodeError.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal, Self

from dirmeta.model.entries import Entry, Kind, kind_of_file
from dirmeta.model.paths import printable
from dirmeta.model.stack import Layer, TarFormat
from dirmeta.streams import compress, pax
from dirmeta.streams.errors import DecodeError, EncodeError
from dirmeta.streams.limits import canonical, lost, overflow

BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK)
"""The two blocks that end an archive."""

_FORMATS: Final[dict[TarFormat, Literal[0, 1, 2]]] = {
    "pax": tarfile.PAX_FORMAT,
    "gnu": tarfile.GNU_FORMAT,
    "ustar": tarfile.USTAR_FORMAT,
}
_TYPES: Final[dict[Kind, bytes]] = {
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "file": tarfile.REGTYPE,
    "whiteout": tarfile.REGTYPE,
    "opaque": tarfile.REGTYPE,
}
_KINDS: Final[dict[bytes, Kind]] = {
    type_: kind for kind, type_ in _TYPES.items() if type_ != tarfile.REGTYPE
} | {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file"}
_TYPE_NAMES: Final = {tarfile.CONTTYPE: "contiguous", tarfile.GNUTYPE_SPARSE: "sparse"}
_UNREADABLE: Final = (tarfile.TarError, ValueError, IndexError, OverflowError, RecursionError)
"""What tarfile raises on headers that lie, besides its own errors."""


class _Header(tarfile.TarInfo):
    """A TarInfo that neither adds nor strips the slash at the end of a directory's name."""

    __slots__ = ()

    def isdir(self) -> bool:
        """Never: all that tarfile does to what it holds for a directory is strip slashes."""
        return False

    def get_info(self) -> Mapping[str, Any]:
        return {**super().get_info(), "name": self.name}

    # Extended headers are alike from entry to entry, and take as long as all else: each is made and read
    # once. Should a tarfile not call these any more, it only gets slower.

    @classmethod
    def _create_pax_generic_header(cls, pax_headers: dict[str, str], type: bytes, encoding: str) -> bytes:
        return _extended_header(tuple(pax_headers.items()), type, encoding)

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if buf[156:157] == tarfile.XHDTYPE:
            header = cls()
            header.type, header.size = tarfile.XHDTYPE, _extended_size(bytes(buf), encoding, errors)
            return header
        return super().frombuf(buf, encoding, errors)


@lru_cache(maxsize=1024)
def _extended_header(records: tuple[tuple[str, str], ...], type: bytes, encoding: str) -> bytes:
    make = tarfile.TarInfo._create_pax_generic_header  # type: ignore[attr-defined]
    made: bytes = make(dict(records), type, encoding)
    return made


@lru_cache(maxsize=1024)
def _extended_size(buf: bytes, encoding: str, errors: str) -> int:
    """The size of an extended header, which is all that it says of itself."""
    return tarfile.TarInfo.frombuf(buf, encoding, errors).size


class _Reader(tarfile.TarFile):
    """A TarFile that raises where the library's would take a broken header for the end."""

    tarinfo = _Header
    firstmember: tarfile.TarInfo | None

    def next(self) -> tarfile.TarInfo | None:
        if self.firstmember is not None:  # read by the constructor
            member, self.firstmember = self.firstmember, None
            return member
        assert self.fileobj is not None
        self.fileobj.seek(self.offset)
        try:
            return self.tarinfo.fromtarfile(self)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed does not have it
            return None


class _Bytes(io.BytesIO):
    """Bytes that know whether more was asked for than there is.

    How tarfile words it when an archive ends early differs from one Python to the next.
    """

    ran_out = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if size is not None and len(data) < size:
            self.ran_out = True
        return data


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
    info = _Header(entry.name)
    info.type = _TYPES[entry.kind]
    info.mode = entry.mode
    info.uid = entry.uid
    info.gid = entry.gid
    info.size = len(entry.content)
    info.mtime = entry.mtime // pax.SECOND
    info.linkname = entry.target
    info.devmajor, info.devminor = entry.device
    try:
        if format == "pax":
            info.pax_headers = pax.records(entry)
        return info.tobuf(_FORMATS[format], "utf-8", "surrogateescape")
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
    plain = compress.decompress(data, limit)
    stream = _Bytes(plain)
    entries: list[Entry] = []
    try:
        reader = _Reader(fileobj=stream, encoding="utf-8", errors="surrogateescape")
        while (info := reader.next()) is not None:
            entries.append(_entry(info, plain))
    except DecodeError:
        raise
    except _UNREADABLE as error:
        where = f"after {printable(entries[-1].name)}" if entries else "at its beginning"
        why = f"truncated {where}" if stream.ran_out else f"unreadable header {where}: {error}"
        raise DecodeError(why) from None
    return Layer(tuple(entries))


def _entry(info: tarfile.TarInfo, data: bytes) -> Entry:
    try:
        return _read(info, data)
    except ValueError as error:
        raise DecodeError(f"{printable(info.name)}: {error}") from None


def _read(info: tarfile.TarInfo, data: bytes) -> Entry:
    records = info.pax_headers
    if records:
        pax.check_integers(records)
    name = _spelled(info) if records else info.name
    kind = _kind(info, name)
    return Entry(
        name,
        kind,
        info.mode & 0o7777,
        info.uid,
        info.gid,
        pax.mtime(records) if "mtime" in records else int(info.mtime) * pax.SECOND,
        pax.xattrs(records) if records else (),
        _content(info, data) if info.size and info.isreg() else b"",
        info.linkname if kind in ("symlink", "hardlink") else "",
        (info.devmajor, info.devminor) if kind in ("char", "block") else (0, 0),
    )


def _spelled(info: tarfile.TarInfo) -> str:
    """The name with the slashes that tarfile strips from the end of a PAX path."""
    path = info.pax_headers.get("path", "")
    return path if path.rstrip("/") == info.name else info.name


def _kind(info: tarfile.TarInfo, name: str) -> Kind:
    kind = _KINDS.get(info.type)
    if kind is None or info.sparse is not None:
        what = "sparse" if info.sparse is not None else _TYPE_NAMES.get(info.type, f"type {info.type!r}")
        raise DecodeError(f"{what} entries are not for layers")
    if kind != "file":
        return kind
    if info.type == tarfile.AREGTYPE and name.endswith("/"):  # how tar of V7 stored directories
        return "directory"
    return kind_of_file(name) if ".wh." in name else kind


def _content(info: tarfile.TarInfo, data: bytes) -> bytes:
    content = data[info.offset_data : info.offset_data + info.size]
    if len(content) != info.size:
        raise DecodeError("truncated within its content")
    return content
