"""What is told of an unpacker on a file system that can hold no mark."""

from __future__ import annotations

import pytest

from dirmeta.model import listing
from dirmeta.model.overlayfs import mark_name
from dirmeta.model.tree import Node
from dirmeta.rules.registry import Terms, Trial
from dirmeta.rules.seen import LayerSeen, StackSeen
from dirmeta.rules.shapes import no_room_for_marks

CASE = listing.parse("layer 1  a/b/c")
PLAIN = {"a": Node("directory"), "a/b": Node("directory")}
MARKED = {**PLAIN, "a": Node("directory", xattrs=((mark_name("trusted"), b"y"),))}


def told(seen: LayerSeen) -> list[str]:
    return list(no_room_for_marks(Trial(CASE, StackSeen((seen,)), Terms())))


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("exit status 1: a/b: can not store the mark: Operation not supported", "the file and the cause"),
        ("exit status 1: lsetxattr /x/dest/a: operation not supported", "the file and the cause"),
        ("exit status 1: cannot mark 'a' here", "the file"),
        ("exit status 1: can not make a directory: operation not supported", "the cause"),
        ("exit status 1", "neither file nor cause"),
    ],
)  # fmt: skip
def test_of_an_error_it_is_told_what_it_names(message: str, names: str) -> None:
    assert told(LayerSeen({}, refused=message)) == [f"an error that names {names}"]


def test_a_warning_is_one_only_where_it_speaks_of_marks() -> None:
    warned = LayerSeen(PLAIN, said="warning: a/: no xattrs: Operation not supported")
    assert told(warned) == ["a warning that names the file and the cause, and no mark"]
    assert told(LayerSeen(PLAIN, said="warning: marks need xattrs")) == [
        "a warning that names the cause, and no mark"
    ]
    assert told(LayerSeen(PLAIN, said="Removing leading slash")) == ["silence: no mark, and no word of that"]


def test_silence_is_called_so() -> None:
    assert told(LayerSeen(PLAIN)) == ["silence: no mark, and no word of that"]


def test_a_mark_that_is_there_all_the_same_is_told() -> None:
    assert told(LayerSeen(MARKED)) == ["the mark is there"]


def test_a_crash_is_told_as_such() -> None:
    assert told(LayerSeen({}, trouble="signal 11")) == ["signal 11"]


@pytest.mark.parametrize("text", ["a/", "a/b\n         c xattr user.x=1", "a/b/.wh..wh..opq"])
def test_a_layer_that_has_no_marks_to_store_or_more_than_marks_says_nothing(text: str) -> None:
    case = listing.parse(f"layer 1  {text}")
    assert not list(no_room_for_marks(Trial(case, StackSeen((LayerSeen({}),)), Terms())))
