"""Compressed layers come back whole, or not at all."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from dirmeta.streams.compress import Compression, compress, decompress, sniff
from dirmeta.streams.errors import DecodeError

HOW: tuple[Compression, ...] = ("", "gzip", "zstd")
DATA = bytes(range(256)) * 700


@pytest.mark.parametrize("how", HOW)
def test_compressed_bytes_come_back(how: Compression) -> None:
    assert decompress(compress(DATA, how)) == DATA
    assert sniff(compress(DATA, how)) == how


@pytest.mark.parametrize("how", HOW)
def test_the_same_bytes_give_the_same_blob(how: Compression) -> None:
    assert compress(DATA, how) == compress(DATA, how)


def test_gzip_holds_no_time() -> None:
    assert compress(b"x", "gzip")[4:8] == bytes(4)


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_bomb_is_refused(how: Compression) -> None:
    bomb = compress(bytes(1 << 24), how)
    with pytest.raises(DecodeError, match="decompresses to more than the 1000 bytes allowed"):
        decompress(bomb, 1000)
    assert len(decompress(bomb, 1 << 24)) == 1 << 24


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_truncation_is_refused_in_one_line(how: Compression) -> None:
    blob = compress(DATA, how)
    for cut in (5, 20, len(blob) // 2, len(blob) - 1):
        with pytest.raises(DecodeError, match=f"^unreadable {how}: .+$"):
            decompress(blob[:cut])


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_damage_is_refused_in_one_line(how: Compression) -> None:
    blob = bytearray(compress(DATA, how))
    blob[8 if how == "zstd" else 30] ^= 0xFF
    with pytest.raises(DecodeError, match=f"^unreadable {how}: .+$"):
        decompress(bytes(blob))


def test_gzip_members_are_joined() -> None:
    assert decompress(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"


def test_zstd_frames_are_joined_and_skippable_ones_skipped() -> None:
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0toc!"
    frame = zstandard.ZstdCompressor().compress
    assert decompress(skippable + frame(b"a") + skippable + frame(b"b") + skippable) == b"ab"


def test_a_tar_header_is_never_taken_for_gzip() -> None:
    header = b"\x1f\x8b" + bytes(255) + b"ustar\0" + bytes(249)
    assert sniff(header) == "" and decompress(header) == header
