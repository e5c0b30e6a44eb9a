"""Tar streams that others write, GNU tar among them, and streams that are damaged."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirmeta.model import acl
from dirmeta.model.entries import Entry, kind_of_file
from dirmeta.model.overlayfs import ACL_ACCESS
from dirmeta.model.stack import Layer, TarFormat
from dirmeta.streams.errors import DecodeError
from dirmeta.streams.library import END
from dirmeta.streams.plain import BLOCK
from dirmeta.streams.tar import decode, encode

FORMATS: tuple[TarFormat, ...] = ("pax", "gnu", "ustar")
S = 10**9
NEGATIVE = "bad: truncated within its content|invalid offset"
"""What tarfile makes of a size below zero has changed between releases of Python 3.11."""


def header(name: str, **fields: object) -> bytes:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(
        tarfile.PAX_FORMAT if info.pax_headers else tarfile.GNU_FORMAT, "utf-8", "surrogateescape"
    )


def raw(*blocks: bytes) -> bytes:
    return b"".join(blocks) + END


def test_a_file_of_v7_with_a_slash_is_a_directory() -> None:
    assert [entry.kind for entry in decode(raw(header("x/", type=b"\0"), header("x", type=b"\0")))] == [
        "directory", "file",
    ]  # fmt: skip


def test_type_bits_in_the_mode_are_dropped() -> None:
    data = bytearray(header("f"))
    data[100:108] = b"0100644\0"
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:]))
    assert [entry.mode for entry in decode(raw(bytes(data)))] == [0o644]


def test_global_records_hold_for_what_follows() -> None:
    records = tarfile.TarInfo.create_pax_global_header({"mtime": "1.5", "comment": "x"})
    times = [entry.mtime for entry in decode(raw(header("a"), records, header("b"), header("c")))]
    assert times == [0, 3 * S // 2, 3 * S // 2]


@pytest.mark.parametrize(("text", "mtime"), [("1.", S), ("1.1234567899", S + 123456789), ("-0.5", -S // 2)])
def test_times_with_any_number_of_digits_are_read(text: str, mtime: int) -> None:
    assert [entry.mtime for entry in decode(raw(header("f", pax_headers={"mtime": text})))] == [mtime]


@pytest.mark.parametrize(
    "record",
    [
        {"SCHILY.acl.access": "user::rwx\nuser:joe:r-x:7\ngroup::r-x\nmask::r-x\nother::---\n"},
        {"SCHILY.xattr.system.posix_acl_access": acl.parse("u::rwx,u:7:r-x,g::r-x,m::r-x,o::---")
         .decode("utf-8", "surrogateescape")},
    ],
)  # fmt: skip
def test_acls_are_read_from_either_record(record: dict[str, str]) -> None:
    [entry] = decode(raw(header("f", mode=0o750, pax_headers=record)))
    assert entry.xattr(ACL_ACCESS) == acl.parse("u::rwx,u:7:r-x,g::r-x,m::r-x,o::---")


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (header("bad", type=b"7"), "bad: contiguous entries are not for layers"),
        (header("bad", type=b"S"), "bad: sparse entries are not for layers"),
        (header("bad", pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}), "bad: sparse entries"),
        (header("bad", type=b"V"), "bad: type b'V' entries are not for layers"),
        (header("bad", pax_headers={"mtime": "soon"}), "bad: mtime 'soon' is not a number of seconds"),
        (header("bad", pax_headers={"uid": "joe"}), "bad: uid 'joe' is not a number"),
        (header("bad", pax_headers={"size": "-1024"}), NEGATIVE),
        (header("bad", pax_headers={"path": "b\0d"}), "a name holds a NUL"),
        (header("bad", pax_headers={"SCHILY.acl.access": "u::rwx,u:joe:rwx"}), "bad: SCHILY.acl.access: "),
        (
            header("bad", pax_headers={"SCHILY.acl.access": "u::rwx,g::rwx,o::rwx"}),
            "contradicts the access ACL",
        ),
        (header(".wh.bad", size=1) + bytes(BLOCK), "a whiteout has no content"),
        (header("bad", size=9999), "bad: truncated within its content"),
        (b"x" * BLOCK, "unreadable header after good: "),
        (header("bad", type=b"L", size=2**32), "truncated after good"),
        (header("bad", type=b"x") * 2000, "unreadable header after good: "),
        (
            header("bad", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
            "unreadable header after",
        ),
    ],
)
def test_what_is_no_layer_is_refused_in_one_line(block: bytes, why: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(raw(header("good"), block))
    assert re.search(why, str(caught.value)) and "\n" not in str(caught.value)


SMALL = Layer((
    Entry("usr/", "directory"),
    Entry("usr/f", "file", content=b"x" * 700),
    Entry("n" * 120 + "\udcff", "file", content=b"y"),
    Entry("usr/l", "symlink", target="t" * 120),
))  # fmt: skip


@pytest.mark.parametrize("format", ["pax", "gnu"])
def test_truncation_is_noticed_at_every_block(format: TarFormat) -> None:
    data = encode(SMALL, format)
    for cut in range(0, len(data) - 2 * BLOCK + 1, BLOCK):
        with pytest.raises(DecodeError, match="truncated"):
            decode(data[:cut])
        with pytest.raises(DecodeError, match="truncated"):
            decode(data[: cut + 100])
    assert decode(data[:-BLOCK]) == SMALL


def test_truncation_names_the_last_entry() -> None:
    with pytest.raises(DecodeError, match=r"^truncated after usr/f$"):
        decode(encode(SMALL)[: 4 * BLOCK])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(FORMATS[:2]), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=3)
)
def test_damage_gives_a_layer_or_one_line(format: TarFormat, damage: list[tuple[int, int]]) -> None:
    data = bytearray(encode(SMALL, format))
    for place, value in damage:
        data[place % len(data)] = value
    try:
        assert isinstance(decode(bytes(data)), Layer)
    except DecodeError as error:
        assert str(error) and "\n" not in str(error)


def test_files_named_like_whiteouts_are_whiteouts() -> None:
    named = {name: kind_of_file(name) for name in (".wh.a", "d/.wh..wh..opq", ".wh..wh.plnk", "a.wh.b")}
    assert {entry.name: entry.kind for entry in decode(raw(*map(header, named)))} == named


ORDINARY = Layer((
    Entry("./", "directory", 0o755),
    Entry("usr/", "directory", 0o2750, 7, 8, 5 * S),
    Entry("usr/bin", "directory", 0o1777, 2**21 - 1, 2**21 - 1, (8**11 - 1) * S),
    Entry("usr/bin/foo", "file", 0o4755, content=b"foo" * 400),
    Entry("usr/bin/foo2", "hardlink", 0o4755, target="usr/bin/foo"),
    Entry("usr/lib", "symlink", 0o777, target="../lib"),
    Entry("dev/null", "char", 0o666, device=(1, 3)),
    Entry("dev/sda", "block", 0o660, device=(8, 0)),
    Entry("run/fifo", "fifo"),
    Entry("etc/.wh.passwd", "whiteout", 0),
    Entry("var/.wh..wh..opq", "opaque"),
    Entry("d" * 90 + "/" + "f" * 90, "file", content=b"x"),
))  # fmt: skip


@pytest.fixture
def gnu_tar() -> str:
    program = shutil.which("tar")
    if (
        program is None
        or b"GNU tar" not in subprocess.run([program, "--version"], check=False, capture_output=True).stdout
    ):
        pytest.skip("GNU tar is not installed")
    return program


@pytest.mark.parametrize("format", FORMATS)
def test_gnu_tar_lists_the_same_names(gnu_tar: str, format: TarFormat) -> None:
    listed = subprocess.run(
        [gnu_tar, "-tvf", "-", "--numeric-owner"],
        input=encode(ORDINARY, format),
        capture_output=True,
        check=True,
    )
    assert listed.stderr == b""
    shown = [line.split(maxsplit=5) for line in listed.stdout.decode().splitlines()]
    assert [line[5].split(" -> ")[0].split(" link to ")[0] for line in shown] == [
        entry.name for entry in ORDINARY
    ]
    assert [line[0][0] for line in shown] == list("ddd-hlcbp---")


@pytest.mark.parametrize("format", ["v7", "ustar", "gnu", "pax"])
def test_what_gnu_tar_writes_is_read(gnu_tar: str, format: str, tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/f").write_bytes(b"content")
    (tmp_path / "d/l").symlink_to("f")
    (tmp_path / "d/é").write_bytes(b"")
    order = ["d/", "d/e/", "d/f", "d/l", "d/é"]
    command = [
        gnu_tar,
        "-C",
        str(tmp_path),
        "--format",
        format,
        "--no-recursion",
        "--mtime=@5",
        "-cf",
        "-",
        *order,
    ]
    layer = decode(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [entry.name for entry in layer] == order
    assert [entry.kind for entry in layer] == ["directory", "directory", "file", "symlink", "file"]
    assert [entry.content for entry in layer][2] == b"content" and {entry.mtime for entry in layer} == {5 * S}
