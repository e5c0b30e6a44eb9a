"""Headers by the standard library's tarfile: all but the plain ones (see `plain`), and whatever is wrong.

What is here keeps names as they are spelled, times as integers and xattrs as bytes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from dirmeta.model.entries import Entry, Kind, Xattrs, kind_of_file
from dirmeta.model.paths import printable
from dirmeta.model.stack import TarFormat
from dirmeta.streams import pax, plain
from dirmeta.streams.errors import DecodeError
from dirmeta.streams.plain import BLOCK

END: Final = bytes(2 * BLOCK)
"""The two blocks that end an archive."""

_FORMATS: Final[dict[TarFormat, Literal[0, 1, 2]]] = {
    "pax": tarfile.PAX_FORMAT,
    "gnu": tarfile.GNU_FORMAT,
    "ustar": tarfile.USTAR_FORMAT,
}
TYPES: Final[dict[Kind, bytes]] = {
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
KINDS: Final[dict[bytes, Kind]] = {
    type_: kind for kind, type_ in TYPES.items() if type_ != tarfile.REGTYPE
} | {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file"}
_TYPE_NAMES: Final = {tarfile.CONTTYPE: "contiguous", tarfile.GNUTYPE_SPARSE: "sparse"}
UNREADABLE: Final = (tarfile.TarError, ValueError, IndexError, OverflowError, RecursionError)
"""What tarfile raises on headers that lie, besides its own errors."""


class _Header(tarfile.TarInfo):
    """A TarInfo that neither adds nor strips the slash at the end of a directory's name."""

    __slots__ = ()

    def isdir(self) -> bool:
        """Never: all that tarfile does to what it holds for a directory is strip slashes."""
        return False

    def get_info(self) -> Mapping[str, Any]:
        return {**super().get_info(), "name": self.name}


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


def header(entry: Entry, format: TarFormat) -> bytes:
    """All header blocks of an entry. Raises ValueError where a number or a name has no room in them."""
    info = _Header(entry.name)
    info.type = TYPES[entry.kind]
    info.mode = entry.mode
    info.uid = entry.uid
    info.gid = entry.gid
    info.size = len(entry.content)
    info.mtime = entry.mtime // pax.SECOND
    info.linkname = entry.target
    info.devmajor, info.devminor = entry.device
    if format == "pax":
        info.pax_headers = pax.records(entry)
    return info.tobuf(_FORMATS[format], "utf-8", "surrogateescape")


@lru_cache(maxsize=1024)
def records(pairs: tuple[tuple[str, str], ...]) -> bytes:
    """The blocks of an extended header, which says what the plain one after it can not. They are alike from
    entry to entry: each is made once."""
    info = tarfile.TarInfo("f")
    info.pax_headers = dict(pairs)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")[:-BLOCK]


class Extended(NamedTuple):
    """What an extended header adds to a plain one; an mtime of None is no other than that one has."""

    mtime: int | None = None
    xattrs: Xattrs = ()


NOTHING: Final = Extended()
_FILE: Final = plain.write(Entry("f", "file"), tarfile.REGTYPE, tarfile.POSIX_MAGIC) or b""


@lru_cache(maxsize=1024)
def extended(blocks: bytes) -> Extended | None:
    """What an extended header of two blocks adds to a plain one; None where the blocks are no such header, or
    say anything else."""
    stream = _Bytes(blocks + _FILE + END)
    try:
        info = _Reader(fileobj=stream, encoding="utf-8", errors="surrogateescape").next()
        if info is None or info.name != "f" or info.offset_data != len(blocks) + BLOCK:
            return None
        told = info.pax_headers
        if not all(name in ("mtime", "hdrcharset") or pax.tells_xattr(name) for name in told):
            return None
        return Extended(pax.mtime(told) if "mtime" in told else None, pax.xattrs(told))
    except UNREADABLE:
        return None


class Archive:
    """An archive that is read wherever its plain headers leave off.

    ran_out  whether more was asked for than there is
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._stream = _Bytes(data)
        self._reader: _Reader | None = None

    @property
    def ran_out(self) -> bool:
        return self._stream.ran_out

    @property
    def has_defaults(self) -> bool:
        """Whether records of a global header hold for all entries from here on."""
        return self._reader is not None and bool(self._reader.pax_headers)

    def entry(self, at: int) -> tuple[Entry, int] | None:
        """The entry whose headers begin at `at`, and where the next one's do; None at the end.

        Raises DecodeError for one that is no layer's, and `UNREADABLE`.
        """
        if self._reader is None:
            self._stream.seek(at)
            self._reader = _Reader(fileobj=self._stream, encoding="utf-8", errors="surrogateescape")
        else:
            self._reader.offset = at
        info = self._reader.next()
        return None if info is None else (_entry(info, self._data), self._reader.offset)


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
    kind = KINDS.get(info.type)
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
