"""Cases of any kind, malformed and hostile ones too, for what has to be written and read again."""

from __future__ import annotations

import os

from hypothesis import strategies as st

from dirmeta.model import acl
from dirmeta.model.entries import KINDS, OPAQUE_MARKER, Entry
from dirmeta.model.overlayfs import ACL_ACCESS, ACL_DEFAULT
from dirmeta.model.stack import Case, Credentials, Layer, Operation, Setup

HOSTILE = [
    "", "/", "./", "..", "../x", "a/../b", "a//b/", "layer", "layer 1", "(empty)", "then", "setup", "as",
    "->", "#", "#x", "a#b", "a=b", "=", '"', "'", "\\", "\\x41", "a\nb", "\t", " ", "a b", "\x1b[0m", "\x85",
    "\u2028", "\u202e", "\u3000", "é", "\udcff", "a\udcc3", ".wh.", ".wh.a", ".wh.a/", ".wh..wh.plnk",
    "a/.wh..wh..opq", ".wh..wh..opq/", "0755", "7:8", '"\\\x1b"', "x" * 255, "a/b/c/d/e/f", "layer 1 a",
]  # fmt: skip
texts = st.sampled_from(HOSTILE) | st.binary(max_size=6).map(os.fsdecode)
names = texts.filter(lambda text: "\0" not in text)
numbers = st.integers(0, 2**32)
years = st.sampled_from([-62135596800, -62135596801, 253402300799, 253402300800, -1, 0])
times = st.builds(lambda whole, part: whole * 10**9 + part, years, st.integers(0, 10**9 - 1)) | st.integers(
    -(2**70), 2**70
)
acls = st.lists(
    st.builds(acl.Permission, st.sampled_from([1, 4, 16, 32]), st.just(-1), st.integers(0, 7))
    | st.builds(acl.Permission, st.sampled_from([2, 8]), st.integers(0, 9), st.integers(0, 7)),
    max_size=4,
).map(acl.pack)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from(KINDS))
    name = draw(names)
    if kind in ("whiteout", "opaque"):
        name = f"{name}/{OPAQUE_MARKER if kind == 'opaque' else '.wh.x'}{draw(st.sampled_from(['', '/']))}"
    mode = draw(st.just(0o644) | st.integers(0, 0o7777))
    xattrs = draw(st.dictionaries(texts, st.binary(max_size=8), max_size=2))
    if draw(st.booleans()):
        xattrs[ACL_DEFAULT] = draw(acls | st.binary(max_size=12))
    if kind != "symlink" and draw(st.booleans()):
        xattrs[ACL_ACCESS] = draw(acls)
        mode = mode & 0o7000 | acl.mode_bits(xattrs[ACL_ACCESS])
    owner = draw(st.just((0, 0)) | st.tuples(numbers, numbers))
    return Entry(
        name, kind, mode, *owner, draw(st.just(0) | times),
        tuple(sorted(xattrs.items())),
        content=draw(st.binary(max_size=9)) if kind == "file" else b"",
        target=draw(names.filter(bool)) if kind in ("symlink", "hardlink") else "",
        device=draw(st.tuples(numbers, numbers)) if kind in ("char", "block") else (0, 0),
    )  # fmt: skip


setups = st.builds(
    Setup,
    st.sampled_from(["trusted", "user"]),
    st.booleans(),
    st.sampled_from(["unpacked", "model"]),
    st.booleans(),
    st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    texts,
    st.integers(0, 0o777),
    st.sampled_from(["pax", "gnu", "ustar"]),
)
people = st.builds(
    Credentials,
    numbers,
    numbers,
    st.lists(numbers, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
)
arguments = st.tuples(st.sampled_from(["path", "mode"]) | texts, texts | st.integers())
operations = st.builds(
    Operation, texts, st.lists(arguments, max_size=3).map(tuple), st.just(Credentials()) | people
)
layers = st.lists(entries(), max_size=3).map(lambda drawn: Layer(tuple(drawn)))
cases = st.builds(
    Case,
    st.lists(layers, max_size=3).map(tuple),
    st.just(Setup()) | setups,
    st.lists(operations, max_size=2).map(tuple),
)
