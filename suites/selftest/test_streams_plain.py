"""Plain tar headers: written and read just as tarfile would, or not at all."""

from __future__ import annotations

import tarfile
from unittest.mock import patch

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from dirmeta.generate import strategies
from dirmeta.model.entries import Entry
from dirmeta.model.stack import Layer, TarFormat
from dirmeta.streams import library, plain
from dirmeta.streams.errors import DecodeError, EncodeError
from dirmeta.streams.limits import lost
from dirmeta.streams.plain import BLOCK
from dirmeta.streams.tar import decode, encode

FORMATS: tuple[TarFormat, ...] = ("pax", "gnu", "ustar")
edges = st.sampled_from((0, 1, 8**7 - 1, 8**7))
entries = st.builds(
    Entry,
    st.sampled_from(("f", "a/f", "./f/", "n" * 100, "n" * 101, "n" * 60 + "/" + "n" * 60, "é", "")),
    st.sampled_from(("file", "directory", "fifo")),
    st.integers(0, 0o7777),
    edges,
    edges,
    st.sampled_from((0, 1, -1, 8**11 - 1, 8**11)).map(lambda seconds: seconds * 10**9)
    | st.sampled_from((1, 10**9 + 7)),
) | st.builds(
    lambda kind, device: Entry("d", kind, device=device),
    st.sampled_from(("char", "block")),
    st.tuples(edges, edges),
) | st.builds(
    lambda kind, target: Entry("l", kind, target=target),
    st.sampled_from(("symlink", "hardlink")),
    st.sampled_from(("t", "é", "t" * 100, "t" * 101)),
)  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=300, deadline=None)
@given(entry=entries | strategies.layers().filter(len).map(lambda layer: layer.entries[0]))
def test_they_are_written_as_tarfile_writes_them(format: TarFormat, entry: Entry) -> None:
    try:
        whole = library.header(entry, format)
    except ValueError:
        assert plain.write(entry, library.TYPES[entry.kind], tarfile.POSIX_MAGIC) is None
    else:
        if not lost(entry, format):
            assert encode(Layer((entry,)), format)[: len(whole)] == whole


def outcome(data: bytes) -> Layer | str:
    try:
        return decode(data)
    except DecodeError as error:
        return str(error)


def outcome_by_tarfile(data: bytes) -> Layer | str:
    with patch.object(plain, "read", return_value=None):
        return outcome(data)


@settings(max_examples=400, deadline=None)
@given(
    layer=strategies.layers() | entries.map(lambda entry: Layer((entry,))),
    changes=st.lists(st.tuples(st.integers(0, 2 * BLOCK), st.binary(max_size=9)), max_size=2),
    end=st.integers(0, 3 * BLOCK),
)
def test_they_are_read_as_tarfile_does(layer: Layer, changes: list[tuple[int, bytes]], end: int) -> None:
    try:
        data = bytearray(encode(layer))
    except EncodeError:
        reject()
    for at, new in changes:
        data[at : at + len(new)] = new
        _set_checksum(data)
    archive = bytes(data[: len(data) - end])
    assert outcome(archive) == outcome_by_tarfile(archive)


@pytest.mark.parametrize(
    ("at", "field"),
    [
        (0, b"\xff"), (100, b"0000644 "), (100, b" 644 \0"), (108, b"\x80"), (124, b"00000000002\0"),
        (156, b"7"), (156, b"\0"), (156, b"1"), (157, b"t"), (257, b"ustar  \0"), (257, b"star"),
        (265, b"\xff"), (329, b"0000001\0" b"0000002\0"), (329, b"9"), (345, b"p"), (500, b"x"),
    ],
)  # fmt: skip
def test_odd_fields_are_read_as_tarfile_reads_them(at: int, field: bytes) -> None:
    data = bytearray(encode(Layer((Entry("f", "file", content=b"xy"), Entry("g", "fifo")))))
    data[at : at + len(field)] = field
    _set_checksum(data)
    assert outcome(bytes(data)) == outcome_by_tarfile(bytes(data))


def _set_checksum(data: bytearray) -> None:
    """Make a header that was changed pass for right, so that what it says is looked at."""
    if len(data) >= BLOCK:
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data[:BLOCK])


def test_a_wrong_checksum_is_told() -> None:
    data = bytearray(encode(Layer((Entry("a", "file"),))))
    data[0] ^= 1
    assert plain.read(bytes(data), 0) is None
    with pytest.raises(DecodeError, match="bad checksum"):
        decode(bytes(data))


@pytest.mark.parametrize("format", FORMATS)
def test_ordinary_headers_are_plain(format: TarFormat) -> None:
    layer = Layer((Entry("a/", "directory", 0o1777), Entry("a/f", "file", mtime=5 * 10**9, content=b"x")))
    with (
        patch.object(library, "header", side_effect=AssertionError),
        patch.object(library.Archive, "entry", return_value=None),
    ):
        assert decode(encode(layer, format)) == layer


def test_times_and_xattrs_of_plain_headers_take_an_extended_one() -> None:
    layer = Layer((Entry("f", "file", mtime=1, xattrs=(("user.a", b"\xff"),)),))
    with (
        patch.object(library, "header", side_effect=AssertionError),
        patch.object(library.Archive, "entry", return_value=None),
    ):
        assert decode(encode(layer)) == layer
