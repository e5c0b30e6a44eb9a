"""The reference unpacker: every UNPACK rule by example, and against the oracle."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirmeta.generate.strategies import layers
from dirmeta.labs import Lab, LabError, Wanted, lab
from dirmeta.model import acl
from dirmeta.model.entries import Entry
from dirmeta.model.oracle import diff_directory
from dirmeta.model.overlayfs import ACL_ACCESS, ACL_DEFAULT, PREFIX, Namespace, mark_name
from dirmeta.model.stack import Layer
from dirmeta.model.tree import WHITEOUT, Node, Tree
from dirmeta.observe.steps import Job, Unpack, Unpacked, Walk
from dirmeta.streams.tar import encode
from dirmeta.subjects import subject
from dirmeta.subjects.reference import Unpacker
from dirmeta.subjects.reference.directories import Refused

S = 10**9
GROUP_ACL = acl.parse("u::rwx,u:0:rwx,g::r-x,m::rwx,o::r-x")


class Bench:
    """Unpacks in a private world, in the namespace that is to be had there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.namespace: Namespace = lab.limits.namespaces[0]
        self.id = 7 if lab.limits.ids is None else lab.limits.ids[-1]
        self.mark = (mark_name(self.namespace), b"y")
        self.opaque = (PREFIX[self.namespace] + "opaque", b"y")

    def try_to(self, *entries: Entry, delegate: bool = True, umask: int = 0o022) -> tuple[Unpacked, Tree]:
        unpack = Unpack("l1", encode(Layer(entries)), self.namespace, delegate, umask)
        (results,) = self.lab.run([Job((unpack, Walk("l1")))])
        ended, tree = results
        assert isinstance(ended, Unpacked)
        assert isinstance(tree, dict)
        return ended, tree  # type: ignore[return-value]

    def unpack(self, *entries: Entry, delegate: bool = True, umask: int = 0o022) -> Tree:
        ended, tree = self.try_to(*entries, delegate=delegate, umask=umask)
        assert ended == Unpacked(0)
        return tree

    def is_marked(self, node: Node) -> bool:
        return self.mark in node.xattrs


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    try:
        host = lab("host", Wanted(subject("reference")))
    except LabError as why:
        pytest.skip(str(why))
    yield Bench(host)
    host.close()


def directory(name: str, mode: int = 0o755, **more: object) -> Entry:
    return Entry(name, "directory", mode, **more)  # type: ignore[arg-type]


def file(name: str, content: bytes = b"x", **more: object) -> Entry:
    return Entry(name, "file", content=content, **more)  # type: ignore[arg-type]


def whiteout(name: str) -> Entry:
    return Entry(name, "whiteout")


def opaque(name: str) -> Entry:
    return Entry(name, "opaque", mode=0o600, uid=9, gid=9, mtime=9 * S)


# Implied directories


@pytest.mark.parametrize(
    "entry",
    [
        file("a/b/x"),
        directory("a/b/x/"),
        Entry("a/b/x", "symlink", target="/nowhere"),
        Entry("a/b/x", "fifo"),
        whiteout("a/b/.wh.x"),
        opaque("a/b/x/.wh..wh..opq"),
        file("a/b/x/" + "/".join(["deep"] * 60)),
    ],
    ids=lambda entry: entry.kind,
)
def test_every_level_above_an_entry_is_a_marked_placeholder(bench: Bench, entry: Entry) -> None:
    tree = bench.unpack(entry)
    for path in ("a", "a/b"):
        assert tree[path] == Node("directory", 0o755, 0, 0, 0, (bench.mark,))


def test_the_parents_of_a_hardlink_are_marked_and_not_those_of_its_target(bench: Bench) -> None:
    tree = bench.unpack(directory("t"), file("t/x"), Entry("a/x", "hardlink", target="./t/x"))
    assert bench.is_marked(tree["a"])
    assert not bench.is_marked(tree["t"])
    assert tree["a/x"] == tree["t/x"]
    assert tree["a/x"].link == "a/x"


@pytest.mark.parametrize("umask", [0, 0o027, 0o777])
def test_no_umask_shows(bench: Bench, umask: int) -> None:
    tree = bench.unpack(file("a/x", mode=0o666), directory("b", 0o777), umask=umask)
    assert [tree[path].mode for path in ("a", "a/x", "b")] == [0o755, 0o666, 0o777]


@pytest.mark.parametrize("first", [0, 1])
def test_nothing_is_inherited_from_a_setgid_directory_with_a_default_acl(bench: Bench, first: int) -> None:
    acls = ((ACL_DEFAULT, GROUP_ACL),) if bench.lab.limits.acls else ()
    above = directory("d/", 0o2750, gid=bench.id, xattrs=acls)
    entries = [above, file("d/e/f", mode=0o600)]
    tree = bench.unpack(*(entries if first else reversed(entries)))
    assert tree["d"] == Node("directory", 0o2750, 0, bench.id, 0, acls)
    assert tree["d/e"] == Node("directory", 0o755, 0, 0, 0, (bench.mark,))
    assert tree["d/e/f"] == Node("file", 0o600, 0, 0, 0, (), b"x")


def test_switched_off_there_is_no_mark_and_nothing_else_differs(bench: Bench) -> None:
    entries = (file("a/b/x"), whiteout(".wh.c"), file("c/x"), opaque("d/.wh..wh..opq"), directory("a/b"))
    on, off = bench.unpack(*entries), bench.unpack(*entries, delegate=False)
    assert not any(map(bench.is_marked, off.values()))
    unmarked = {
        path: node._replace(xattrs=tuple(pair for pair in node.xattrs if pair != bench.mark))
        for path, node in on.items()
    }
    assert unmarked | {"": off[""]} == off


# Explicit directories


@pytest.mark.parametrize("name", ["usr/bin", "usr/bin/", "./usr//bin/", "/usr/./bin/."])
@pytest.mark.parametrize("late", [False, True])
def test_an_entry_in_any_spelling_and_place_makes_a_directory_explicit(
    bench: Bench, name: str, late: bool
) -> None:
    entry = directory(name, 0o2711, uid=bench.id, gid=bench.id, mtime=-S // 2)
    entries = [entry, file("usr/bin/foo")]
    tree = bench.unpack(*(reversed(entries) if late else entries))
    assert tree["usr/bin"] == Node("directory", 0o2711, bench.id, bench.id, -S // 2)
    assert bench.is_marked(tree["usr"])


def test_of_two_entries_the_last_one_counts_whole(bench: Bench) -> None:
    first = directory("d", 0o700, xattrs=(("user.a", b"1"), ("user.b", b"1")))
    tree = bench.unpack(first, file("d/x"), directory("d/", 0o711, mtime=S, xattrs=(("user.b", b"2"),)))
    assert tree["d"] == Node("directory", 0o711, 0, 0, S, (("user.b", b"2"),))
    assert bench.unpack(file("x", b"1"), file("./x", b"2"))["x"].content == b"2"
    assert bench.unpack(file("x"), directory("x", 0o700))["x"] == Node("directory", 0o700)


def test_the_root_is_exact_with_an_entry_and_never_marked(bench: Bench) -> None:
    late = bench.unpack(file("a/x"), directory("./", 0o1777, gid=bench.id, mtime=S))
    assert late[""] == Node("directory", 0o1777, 0, bench.id, S)
    assert bench.unpack(directory("."))[""] == Node("directory")
    assert not bench.unpack()[""].xattrs


# Whiteouts and opaque directories


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_whited_out_path_keeps_what_its_layer_puts_there(bench: Bench, order: tuple[int, ...]) -> None:
    def placed(*entries: Entry) -> Tree:
        return bench.unpack(*(entries[index] for index in order))

    implied = placed(whiteout(".wh.p"), file("p/x"), whiteout("p/.wh.y"))
    assert implied["p"] == Node("directory", xattrs=(bench.opaque,))
    assert implied["p/y"] == WHITEOUT
    explicit = placed(whiteout(".wh.p"), file("p/x"), directory("p", 0o700, mtime=S))
    assert explicit["p"] == Node("directory", 0o700, 0, 0, S, (bench.opaque,))
    beside = placed(whiteout("d/.wh.p"), file("d/p"), file("d/q"))
    assert beside["d/p"] == Node("file", 0o644, content=b"x")
    below = placed(whiteout(".wh.p"), opaque("p/q/.wh..wh..opq"), file("p/q/x"))
    assert below["p"] == Node("directory", xattrs=(bench.opaque,))
    assert below["p/q"] == Node("directory", xattrs=(bench.mark, bench.opaque))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_an_opaque_marker_says_nothing_about_metadata(bench: Bench, order: tuple[int, ...]) -> None:
    entries = (opaque("d/.wh..wh..opq"), directory("d/", 0o750, mtime=S), file("d/x"))
    tree = bench.unpack(*(entries[index] for index in order))
    assert tree["d"] == Node("directory", 0o750, 0, 0, S, (bench.opaque,))
    assert tree.keys() == {"", "d", "d/x"}


# Everything else


def test_files_links_and_fifos_end_as_their_entries_say(bench: Bench) -> None:
    own = {"uid": bench.id, "gid": bench.id, "mtime": S + 1}
    acls = ((ACL_ACCESS, acl.parse("u::rwx,u:0:r-x,g::r-x,m::rwx,o::---")),) if bench.lab.limits.acls else ()
    tree = bench.unpack(
        file("f", b"y" * 100_000, mode=0o6770, xattrs=(*acls, ("user.k", b"\0\xff")), **own),
        Entry("l", "symlink", 0o777, target="../\udcff", **own),  # type: ignore[arg-type]
        Entry("p", "fifo", 0o600, **own),  # type: ignore[arg-type]
        file("\udcff/é\n", b""),
    )
    xattrs = (*acls, ("user.k", b"\0\xff"))
    assert tree["f"] == Node("file", 0o6770, bench.id, bench.id, S + 1, xattrs, b"y" * 100_000)
    assert tree["l"] == Node("symlink", 0o777, bench.id, bench.id, S + 1, target="../\udcff")
    assert tree["p"] == Node("fifo", 0o600, bench.id, bench.id, S + 1)
    assert tree["\udcff/é\n"].kind == "file"


def test_devices_are_made_and_a_zero_one_is_a_whiteout(bench: Bench) -> None:
    tree = bench.unpack(Entry("zero", "char"))
    assert tree["zero"] == WHITEOUT
    if bench.lab.limits.devices:
        tree = bench.unpack(Entry("d/null", "char", 0o666, device=(1, 3)), Entry("b", "block", device=(7, 1)))
        assert tree["d/null"] == Node("char", 0o666, device=(1, 3))
        assert tree["b"] == Node("block", 0o644, device=(7, 1))


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_overlay_private_xattrs_of_an_image_are_dropped(
    bench: Bench, kind: Literal["directory", "file"]
) -> None:
    facts = ("dirmeta_delegate", "opaque", "redirect")
    forged = tuple(sorted((prefix + fact, b"y") for prefix in PREFIX.values() for fact in facts))
    assert bench.unpack(Entry("x", kind, 0o755, xattrs=forged))["x"] == Node(kind, 0o755)


def test_aufs_names_other_than_the_opaque_marker_are_files(bench: Bench) -> None:
    assert bench.unpack(file("a/.wh..wh.plnk"))["a/.wh..wh.plnk"].content == b"x"


def test_more_directories_than_descriptors_are_open(bench: Bench) -> None:
    entries = [file(f"d{number % 150}/e/{number}") for number in range(300)]
    tree = bench.unpack(*entries, *(directory(f"d{number}/e", 0o700) for number in range(150)))
    assert {tree[f"d{number}"] for number in range(150)} == {Node("directory", xattrs=(bench.mark,))}
    assert {tree[f"d{number}/e"] for number in range(150)} == {Node("directory", 0o700)}


# What is refused


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([file("a/../../canary/x")], "a/../../canary/x: has a .. component"),
        ([whiteout("a/.wh...")], "a/.wh...: is a whiteout of . or .."),
        ([file("a/" + "n" * 256)], "a/" + "n" * 256 + ": has a component of over 255 bytes"),
        ([file("é" * 128)], "é" * 128 + ": has a component of over 255 bytes"),
        ([file("./")], "./: a file can not stand for the root"),
        ([Entry("a/x", "hardlink", target="b/gone")], "a/x: links to b/gone, no file of this layer"),
        ([Entry("a/x", "hardlink", target="../file")], "a/x: links to ../file, no file of this layer"),
        ([Entry("x", "hardlink", target="y"), whiteout(".wh.y")], "x: links to y, no file of this layer"),
        ([file("a", uid=2**32 - 1)], "a: owner 4294967295:0 is more than 32 bits"),
        ([file("a", mtime=2**96)], "a: timestamp out of range for platform time_t"),
        ([file("x\nb", xattrs=(("bogus", b""),))], r"x\x0ab: xattr bogus: Operation not supported"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_an_error_names_the_entry_and_the_cause(bench: Bench, entries: list[Entry], message: str) -> None:
    ended, tree = bench.try_to(*entries)
    assert ended == Unpacked(1, f"reference: {message}")
    assert tree.keys() <= {"", "a", "x\nb"}


@pytest.mark.parametrize("target", ["../canary", "sub", "/"])
def test_an_entry_below_a_symlink_is_refused_and_nothing_behind_it_touched(bench: Bench, target: str) -> None:
    link = Entry("link", "symlink", target=target, mtime=S)
    sub = directory("sub", 0o700, mtime=S)
    for below in (file("link/x"), directory("link/a/b"), whiteout("link/.wh.x"), opaque("link/.wh..wh..opq")):
        ended, tree = bench.try_to(sub, link, below)
        assert ended == Unpacked(1, f"reference: {below.name}: lies below link, a symlink of this layer")
        assert tree.keys() == {"", "link", "sub"}
        assert not tree["link"].xattrs + tree["sub"].xattrs


@pytest.mark.parametrize(
    ("fact", "entry"), [("dirmeta_delegate", file("a/x")), ("opaque", opaque("a/.wh..wh..opq"))]
)
def test_what_the_file_system_can_not_store_is_named_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fact: str, entry: Entry
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "setxattr", refuse)
    monkeypatch.setattr(os, "chown", lambda *_, **__: None)
    unpacker = Unpacker(str(tmp_path), "user", delegate=fact == "dirmeta_delegate")
    with pytest.raises(Refused) as raised:
        unpacker.unpack([entry])
    unpacker.close()
    assert str(raised.value) == f"a: can not store user.overlay.{fact}: Operation not supported"


def test_absolute_names_lie_below_the_destination(bench: Bench) -> None:
    assert bench.unpack(file("/etc/x")).keys() == {"", "etc", "etc/x"}


def test_a_broken_stream_is_an_error(bench: Bench) -> None:
    (results,) = bench.lab.run([Job((Unpack("l1", encode(Layer((file("a"),)))[:512], bench.namespace),))])
    assert results == [Unpacked(1, "reference: layer: a: truncated within its content")]


# Against the oracle


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_it_is_of_one_mind_with_the_oracle(bench: Bench, data: st.DataObject) -> None:
    layer = data.draw(layers(bench.lab.limits))
    tree = bench.unpack(*layer)
    expected = diff_directory(layer, namespace=bench.namespace)
    assert tree | {"": expected[""]} == expected
