"""The layer listing: reading gives back what was rendered, and takes what a person types."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dirmeta.model import acl, listing
from dirmeta.model.entries import Entry
from dirmeta.model.listing import ListingError
from dirmeta.model.overlayfs import ACL_ACCESS
from dirmeta.model.stack import Case, Credentials, Layer, Operation, Setup

from .anything import HOSTILE, cases, entries

laws = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@laws
@given(cases)
@example(Case())
@example(Case((Layer(), Layer())))
def test_reading_gives_back_what_was_rendered(case: Case) -> None:
    assert listing.parse(listing.render(case)) == case


@laws
@given(entries())
def test_one_line_an_entry(entry: Entry) -> None:
    text = listing.line(entry)
    assert text.isprintable()
    assert listing.parse(f"layer 1 {text}") == Case((Layer((entry,)),))


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_hostile_names_survive_in_every_place(name: str) -> None:
    entry = Entry(name, "symlink", target=name, xattrs=((name, name.encode("utf-8", "surrogateescape")),))
    program = (Operation(name, (("path", name), (name, name)), Credentials(drop=(name,))),)
    case = Case(
        (Layer((entry, entry)),), Setup(options=((name, ""), (name, name), ("", name)), backing=name), program
    )
    assert listing.parse(listing.render(case)) == case


def test_rendering_is_aligned_and_names_what_is_implied() -> None:
    case = Case(
        (
            Layer((Entry("usr/bin/", "directory", 0o750, 7, 8), Entry("usr/", "directory", 0o755, 7, 8000))),
            Layer(
                (
                    Entry("usr/bin/foo", "file", mtime=-(10**9)),
                    Entry("usr/bin/sh", "symlink", 0o777, target="bash"),
                    Entry("usr/lib/.wh.x", "whiteout"),
                    Entry("usr/.wh..wh..opq", "opaque", 0o600),
                    Entry("a/b/c/d", "file", content=b"hi\n"),
                )
            ),
            Layer(),
        ),
        Setup(namespace="user", layout="model", umask=0o77, options=(("index", "on"), ("userxattr", ""))),
        (Operation("chmod", (("path", "usr/bin"), ("mode", 0o700)), Credentials(1000, 1000)),),
    )
    assert (
        "\n" + listing.render(case)
        == r"""
setup     namespace=user layout=model umask=077 option index=on option userxattr
layer 1   usr/bin/          0750  7:8     1970-01-01 00:00:00
          usr/              0755  7:8000  1970-01-01 00:00:00
layer 2   usr/bin/foo       0644  0:0     1969-12-31 23:59:59                    # usr/ and usr/bin/ implied
          usr/bin/sh        0777  0:0     1970-01-01 00:00:00  -> bash
          usr/lib/.wh.x                                                          # usr/lib/ implied
          usr/.wh..wh..opq  0600  0:0     1970-01-01 00:00:00
          a/b/c/d           0644  0:0     1970-01-01 00:00:00  content "hi\x0a"  # a/, a/b/ and a/b/c/ implied
layer 3   (empty)
then      chmod usr/bin mode=0700 as 1000:1000"""
    )


def test_typed_listing_may_be_short() -> None:
    typed = """
    # what someone pastes
    setup umask=0 option index=on
    layer 1 usr/bin/
    layer 1 ./ 1777\t7:8   # repeated number
      usr/bin/foo 2001-02-03 04:05:06.5
      lib -> usr/lib
    layer 2
    layer 3
      tmp dir
      .wh.usr
      a/.wh..wh..opq
      a/hard == a/soft
      null char 1:3
      loop block 7:0
      pipe fifo @-1.5
    """
    assert listing.parse(typed) == Case(
        (
            Layer(
                (
                    Entry("usr/bin/", "directory", 0o755),
                    Entry("./", "directory", 0o1777, 7, 8),
                    Entry("usr/bin/foo", "file", mtime=981173106_500000000),
                    Entry("lib", "symlink", 0o777, target="usr/lib"),
                )
            ),
            Layer(),
            Layer(
                (
                    Entry("tmp", "directory", 0o755),
                    Entry(".wh.usr", "whiteout"),
                    Entry("a/.wh..wh..opq", "opaque"),
                    Entry("a/hard", "hardlink", target="a/soft"),
                    Entry("null", "char", device=(1, 3)),
                    Entry("loop", "block", device=(7, 0)),
                    Entry("pipe", "fifo", mtime=-1_500_000_000),
                )
            ),
        ),
        Setup(umask=0, options=(("index", "on"),)),
    )


def test_typed_acl_gives_the_mode() -> None:
    entry = (
        listing.parse("layer 1 d/ acl user::rwx,user:7:r-x,group::r-x,mask::r-x,other::---")
        .stack[0]
        .entries[0]
    )
    assert (entry.mode, entry.xattr(ACL_ACCESS)) == (0o750, acl.parse("u::rwx,u:7:r-x,g::r-x,m::r-x,o::---"))


def test_windows_line_ends_are_whitespace() -> None:
    assert listing.parse("layer 1 a\r\nlayer 2 b\r\n") == Case(
        (Layer((Entry("a", "file"),)), Layer((Entry("b", "file"),)))
    )


def test_long_chain_of_implied_directories_is_counted() -> None:
    text = listing.render(Case((Layer((Entry("a/b/c/d/e/f", "file"),)),)))
    assert text.endswith("  # a/, a/b/, a/b/c/ and 2 more implied")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Entry("d", "directory", 0o755), "d  0755  0:0  1970-01-01 00:00:00  dir"),
        (Entry(".wh..wh.plnk", "file"), ".wh..wh.plnk  0644  0:0  1970-01-01 00:00:00  file"),
        (Entry("a b", "file", mtime=-(2**70)), '"a b"  0644  0:0  @-1180591620717.411303424'),
        (Entry(".wh.x", "whiteout"), ".wh.x"),
        (Entry(".wh.x", "whiteout", uid=1), ".wh.x  0644  1:0  1970-01-01 00:00:00"),
        (
            Entry("f", "file", xattrs=(("user.a", b"\xff"),)),
            'f  0644  0:0  1970-01-01 00:00:00  xattr user.a="\\xff"',
        ),
    ],
)
def test_spelling_of_an_entry(entry: Entry, text: str) -> None:
    assert listing.line(entry) == text


def test_metadata_in_reports() -> None:
    assert listing.metadata_text(0o750, 7, 8, 0) == "0750 7:8 1970-01-01 00:00:00"
    assert listing.metadata_text(0o1777, 0, 0, None) == "1777 0:0 now"
    assert listing.metadata_text(0, 0, 0, -1) == "0000 0:0 1969-12-31 23:59:59.999999999"


@laws
@given(st.text(max_size=40) | st.lists(st.sampled_from(HOSTILE), max_size=6).map(" ".join))
def test_any_text_is_a_case_or_a_listing_error(text: str) -> None:
    try:
        case = listing.parse(text)
    except ListingError as error:
        assert re.match(r"line [0-9]+: ", str(error))
        assert str(error).isprintable()
    else:
        assert listing.parse(listing.render(case)) == case
