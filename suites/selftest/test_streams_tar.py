"""Layers as tar streams: nothing is lost on the way, or the codec says what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirmeta.model import acl
from dirmeta.model.entries import KINDS, Entry
from dirmeta.model.overlayfs import ACL_ACCESS, ACL_DEFAULT
from dirmeta.model.stack import Layer, TarFormat
from dirmeta.streams.errors import EncodeError
from dirmeta.streams.plain import BLOCK
from dirmeta.streams.tar import decode, encode

FORMATS: tuple[TarFormat, ...] = ("pax", "gnu", "ustar")
S = 10**9

# What PAX can hold, hostile or not.

parts = st.sampled_from((
    "a", "b", "usr", "..", ".", "", " ", "=", "é", "日本", "\udcff", "\udc80x", "x\ny", "\\",
    "n" * 99, "n" * 155, "n" * 256, ".wh.", ".wh..wh.aufs", "\x1f\udc8b", "(\udcb5/\udcfd",
))  # fmt: skip
names = st.builds(
    lambda lead, middle, trail: lead + "/".join(middle) + trail,
    st.sampled_from(("", "", "/", "./", "//")),
    st.lists(parts, max_size=5),
    st.sampled_from(("", "", "/", "//")),
)  # fmt: skip
targets = names.map(lambda name: name or "t")
modes = st.integers(0, 0o7777)
ids = st.sampled_from((0, 7, 2**21 - 1, 2**21, 2**32 - 1, 2**56, 2**64))
times = st.sampled_from(
    (0, 1, S, 3 * S // 2, -1, -S, -3 * S // 2, (8**11 - 1) * S, 8**11 * S, 2**63 * S, -(2**63) * S - 1)
) | st.integers(-(2**100), 2**100)
values = st.sampled_from((
    b"", b"y", b"\xff\n\0=", b"21 hdrcharset=\xff\n", b"9 hdrcharset=UTF\n", "é".encode(), b"\xed\xb2\x80",
)) | st.binary(max_size=80)  # fmt: skip
xattr_names = st.sampled_from(
    ("user.a", "user.\n", "trusted.overlay.opaque", "security.capability", "user.é", "")
)
acls = st.sampled_from(("u::rwx,u:7:r-x,g::r-x,m::r-x,o::---", "u::rw-,g::r--,o::r--")).map(acl.parse)
no_acls = st.sampled_from((b"", b"\xff", b"\2\0\0\0", b"\2\0\0\0\x40\0\7\0\0\0\0\0"))
numbers = st.integers(0, 2**21 - 1)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Any entry that PAX can hold."""
    kind = draw(st.sampled_from(KINDS))
    name = draw(names)
    if kind == "whiteout":
        name += "/.wh.x"
    elif kind == "opaque":
        name += "/.wh..wh..opq/"
    return Entry(
        name, kind, draw(modes), draw(ids), draw(ids), draw(times),
        xattrs=tuple(sorted(draw(st.dictionaries(xattr_names, values, max_size=3)).items())),
        content=draw(st.binary(max_size=1100)) if kind == "file" else b"",
        target=draw(targets) if kind in ("symlink", "hardlink") else "",
        device=draw(st.tuples(numbers, numbers)) if kind in ("char", "block") else (0, 0),
    )  # fmt: skip


def with_acls(entry: Entry, access: bytes, default: bytes) -> Entry:
    if entry.kind == "symlink":
        return entry
    return entry.with_xattrs(
        {**dict(entry.xattrs), ACL_ACCESS: acl.with_mode(access, entry.mode), ACL_DEFAULT: default}
    )


def modest(entry: Entry) -> Entry:
    """What GNU tar's format holds of an entry."""
    return replace(
        entry, xattrs=(), uid=entry.uid % 2**56, gid=entry.gid % 2**56, mtime=(entry.mtime >> 40) * S
    )


def layers(of: st.SearchStrategy[Entry]) -> st.SearchStrategy[Layer]:
    return st.lists(of, max_size=5).map(lambda drawn: Layer(tuple(drawn)))


# What no format can hold, too.

strange_text = st.text(st.characters(exclude_characters="\0", exclude_categories=()), min_size=1, max_size=8)
file_or_directory = st.sampled_from(("file", "directory"))
strange_xattr_names = st.sampled_from(("user.a", "user.b=", "user.\udcff", "user.\0"))
strange_entries = st.one_of(
    entries(),
    st.builds(Entry, strange_text, file_or_directory),
    st.builds(Entry, names, st.just("file")),
    st.builds(Entry, st.sampled_from((".wh.x", "a/.wh..wh..opq", "d/.wh.x/")), file_or_directory),
    st.builds(Entry, strange_text, st.just("symlink"), target=strange_text),
    st.builds(
        Entry, st.just("f"), st.just("char"),
        device=st.tuples(st.integers(-(2**60), 2**60), st.integers(-8, 8)),
    ),
    st.builds(
        Entry, st.just("f"), st.just("file"),
        xattrs=st.lists(st.tuples(strange_xattr_names, values)).map(tuple),
    ),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(layers(entries() | st.builds(with_acls, entries(), acls, acls | no_acls)))
def test_pax_holds_every_layer(layer: Layer) -> None:
    assert decode(encode(layer)) == layer


@settings(max_examples=80, deadline=None)
@given(layers(entries().map(modest)))
def test_gnu_holds_every_layer_of_whole_seconds_without_xattrs(layer: Layer) -> None:
    assert decode(encode(layer, "gnu")) == layer


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=80, deadline=None)
@given(layer=layers(strange_entries | entries().map(modest)))
def test_a_layer_comes_back_or_is_refused(format: TarFormat, layer: Layer) -> None:
    try:
        data = encode(layer, format)
    except EncodeError as error:
        assert "\n" not in str(error) and str(error)
    else:
        assert decode(data) == layer


@pytest.mark.parametrize("format", FORMATS)
def test_ordinary_layers_fit_every_format(format: TarFormat) -> None:
    assert decode(encode(ORDINARY, format)) == ORDINARY


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


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "name",
    ["x", "x/", "x//", "./x", "a//b", "/x", "/", ".", "./", "..", "a/../b", "\udcff", "é/", "x\ny", ""],
)
def test_a_directory_keeps_its_spelling(name: str, format: TarFormat) -> None:
    layer = Layer((Entry(name, "directory"), Entry(name, "directory", 0o700)))
    assert decode(encode(layer, format)) == layer


@pytest.mark.parametrize("format", ["pax", "gnu"])
@pytest.mark.parametrize(
    "name", ["n" * 100, "n" * 101, "n" * 100 + "/", "é" * 300, "/" + "n" * 100, "d/" * 300]
)
def test_long_names_are_kept(name: str, format: TarFormat) -> None:
    layer = Layer(
        (Entry(name, "directory"), Entry("s", "symlink", target=name), Entry("h", "hardlink", target=name))
    )
    assert decode(encode(layer, format)) == layer


@pytest.mark.parametrize("format", ["pax", "gnu"])
@pytest.mark.parametrize("seconds", [-1, -(2**40), 8**11, 2**62])
def test_times_outside_octal_are_kept(seconds: int, format: TarFormat) -> None:
    layer = Layer((Entry("f", "file", mtime=seconds * S),))
    assert decode(encode(layer, format)) == layer


@pytest.mark.parametrize(
    ("mtime", "record"),
    [
        (1, b"21 mtime=0.000000001\n"),
        (-S - S // 2, b"14 mtime=-1.5\n"),
        (2**62 + 1, b"mtime=4611686018.427387905\n"),
    ],
)
def test_nanoseconds_are_decimal_text(mtime: int, record: bytes) -> None:
    assert record in encode(Layer((Entry("f", "file", mtime=mtime),)))


def test_what_fits_a_header_needs_no_records() -> None:
    entry = Entry("a/f", "file", 0o7777, 2**21 - 1, 2**21 - 1, (8**11 - 1) * S)
    assert len(encode(Layer((entry,)))) == 3 * BLOCK


def test_an_empty_layer_is_two_zero_blocks() -> None:
    assert encode(Layer()) == bytes(1024) and decode(bytes(1024)) == Layer()


def test_the_first_name_may_look_like_gzip() -> None:
    layer = Layer((Entry("\x1f\udc8b", "directory"),))
    assert encode(layer, "gnu").startswith(b"\x1f\x8b")
    assert decode(encode(layer, "gnu")) == layer


def test_xattrs_are_bytes() -> None:
    value = b"\xff\n\0=\xed\xb2\x80"
    layer = Layer((Entry("f", "file", xattrs=(("user.a", value), ("user.b", b""))),))
    data = encode(layer)
    assert b"SCHILY.xattr.user.a=" + value + b"\n" in data
    assert decode(data) == layer


def test_acls_are_text() -> None:
    access, default = acl.parse("u::rwx,u:7:r-x,g::r-x,m::r-x,o::---"), acl.parse("u::rwx,g::---,o::---")
    layer = Layer((Entry("d/", "directory", 0o750, xattrs=((ACL_ACCESS, access), (ACL_DEFAULT, default))),))
    data = encode(layer)
    assert b" SCHILY.acl.access=u::rwx,u:7:r-x,g::r-x,m::r-x,o::---\n" in data
    assert b" SCHILY.acl.default=u::rwx,g::---,o::---\n" in data
    assert decode(data) == layer


# What a format can not hold.


@pytest.mark.parametrize(
    ("format", "entry", "why"),
    [
        ("ustar", Entry("f", "file", xattrs=(("user.a", b""),)), "ustar holds no xattrs, as 'user.a'"),
        ("gnu", Entry("f", "file", xattrs=(("user.a", b""),)), "gnu holds no xattrs, as 'user.a'"),
        ("gnu", Entry("f", "file", mtime=-1), "gnu holds whole seconds, not mtime -0.000000001"),
        ("ustar", Entry("f", "file", mtime=-S), "ustar holds no mtime -1, only 0 to 8589934591"),
        ("ustar", Entry("f", "file", uid=2**21), "ustar holds no uid 2097152, only 0 to 2097151"),
        ("ustar", Entry("f", "file", gid=2**21), "ustar holds no gid 2097152, only 0 to 2097151"),
        ("gnu", Entry("f", "file", gid=2**56), "gnu holds no gid 72057594037927936, only"),
        ("pax", Entry("f", "char", device=(2**21, 0)), "pax holds no device number 2097152, only 0 to"),
        ("ustar", Entry("s", "symlink", target="t" * 101), "ustar holds no link target over 100 bytes"),
        ("ustar", Entry("n" * 101, "file"), "ustar holds a name over 100 bytes only where a slash splits it"),
        ("ustar", Entry("/" + "n" * 100, "file"), "ustar holds no absolute name of 101 bytes"),
        ("pax", Entry("\ud800", "file"), "a name holds surrogates that stand for no bytes"),
        ("pax", Entry("\udcc3\udca9", "file"), "a name holds surrogates that stand for no bytes"),
        ("pax", Entry("f", "file", xattrs=(("user.a=b", b""),)), "PAX holds no xattr name with =,"),
        ("pax", Entry(".wh.f", "file"), "a file of that name is a whiteout or an opaque marker"),
    ],
)
def test_a_refusal_names_the_entry_and_the_reason(format: TarFormat, entry: Entry, why: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(Layer((Entry("before", "file"), entry)), format)
    assert why in str(caught.value) and "\n" not in str(caught.value) and ": " in str(caught.value)
