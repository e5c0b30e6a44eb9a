"""Where layers lie: disks and read-only images, what they hold, and what is mounted on them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from itertools import product
from typing import cast

import pytest

from dirmeta.judge.backings import Place, held, places
from dirmeta.labs import disks, images, loop, tools
from dirmeta.labs.disks import DISKS
from dirmeta.labs.host import HostLab
from dirmeta.labs.images import PACKERS
from dirmeta.model import acl, overlayfs
from dirmeta.model.mountoptions import OPTIONS
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Failure, Freeze, Job, Layout, Operate, Outcome, Result, Step, Walk

SECOND = 10**9
LONG = "n" * 255
ACL = (overlayfs.ACL_ACCESS, acl.parse("u::rwx,u:7:r--,g::r--,m::r--,o::---"))
TREE: Tree = {
    "": Node("directory"),
    "a": Node("directory", 0o3740, 7, 8, -SECOND + 5, (ACL, ("user.a", b"1"))),
    f"a/{LONG}": Node("file", 0o640, 1, 2, 3 * SECOND + 7, content=b"x", link=f"a/{LONG}"),
    "a/s": Node("symlink", 0o777, mtime=1 << 62, target=LONG),
    "f": Node("file", 0o640, 1, 2, 3 * SECOND + 7, content=b"x", link=f"a/{LONG}"),
}
EMPTY: Tree = {"": Node("directory")}


@pytest.fixture(scope="module")
def lab() -> Iterator[HostLab]:
    with HostLab() as lab:
        yield lab


def do(lab: HostLab, *steps: Step, backing: str = "tmpfs") -> list[Result]:
    [results] = lab.run([Job(steps, backing)])
    return results


def tree(results: list[Result]) -> Tree:
    assert isinstance(results[-1], dict), results[-1]
    return cast(Tree, results[-1])


def skip_without(kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        pytest.skip(f"{kind} can not be had here")


@pytest.mark.parametrize("kind", DISKS)
def test_a_disk_holds_what_its_row_says(lab: HostLab, kind: str) -> None:
    skip_without(kind, lab.limits.backings)
    disk = DISKS[kind]
    ends = [min(max(time, -(1 << 62)), disk.mtime[1]) for time in disk.mtime]
    wanted = {
        "": Node("directory"),
        "device": Node("char", 0o600, mtime=ends[0], device=disk.numbers),
        "late": Node("directory", 0o1740, 7, 8, ends[1], (ACL, ("trusted.t", b""), ("user.a", b"1"))),
        "odd": Node("file", 0o644, mtime=123_456_789),
    }
    assert tree(do(lab, Layout("l1", wanted), Walk("l1"), backing=kind)) == wanted


def test_what_is_drawn_fits_everywhere(lab: HostLab) -> None:
    least, greatest, _ = lab.limits.mtime
    wanted = {"": Node("directory", mtime=least), "d": Node("directory", mtime=greatest)}
    if lab.limits.devices:
        wanted["c"] = Node("char", 0o600, mtime=0, device=lab.limits.numbers)
    for backing in lab.limits.backings:
        assert tree(do(lab, Layout("l1", wanted), Walk("l1"), backing=backing)) == wanted


@pytest.mark.parametrize("kind", PACKERS)
def test_an_image_holds_what_was_frozen(lab: HostLab, kind: str) -> None:
    skip_without(kind, lab.limits.frozen)
    cut = held(TREE, kind)
    for backing in lab.limits.backings:
        assert tree(do(lab, Layout("l1", cut), Freeze("l1", kind), Walk("l1"), backing=backing)) == cut


@pytest.mark.parametrize("kind", PACKERS)
def test_an_image_of_a_tree_without_xattrs_can_be_read(lab: HostLab, kind: str) -> None:
    skip_without(kind, lab.limits.frozen)
    bare = {"": Node("directory"), "d": Node("directory")}
    assert set(tree(do(lab, Layout("l1", bare), Freeze("l1", kind), Walk("l1")))) == {"", "d"}


@pytest.mark.parametrize("kind", PACKERS)
def test_what_is_frozen_can_not_be_changed(lab: HostLab, kind: str) -> None:
    skip_without(kind, lab.limits.frozen)
    change = Operate("chmod", "l1", (0o700,))
    assert do(lab, Layout("l1", EMPTY), Freeze("l1", kind), change)[-1] == Outcome(errno.EROFS)


def test_an_image_of_a_kind_that_is_not_there_is_a_failure(lab: HostLab) -> None:
    failure = do(lab, Layout("l1", EMPTY), Freeze("l1", "punchcards"))[-1]
    assert isinstance(failure, Failure)
    assert "punchcards" in failure.text


def test_an_image_of_nothing_says_what_packed_it(lab: HostLab) -> None:
    skip_without("erofs", lab.limits.frozen)
    failure = do(lab, Freeze("nowhere", "erofs"))[-1]
    assert isinstance(failure, Failure)
    assert failure.text.startswith("mkfs.erofs failed: ")


@pytest.mark.parametrize("lacking", ["loop devices", "drivers", "programs"])
def test_a_kind_is_offered_only_with_all_it_takes(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = frozenset((*DISKS, *PACKERS))
    monkeypatch.setattr(loop, "available", lambda: lacking != "loop devices")
    monkeypatch.setattr(loop, "drivers", lambda: every if lacking != "drivers" else frozenset({"ext4"}))
    monkeypatch.setattr(tools, "find", lambda name: None if lacking == "programs" else f"/sbin/{name}")
    assert disks.available() == (("ext4",) if lacking == "drivers" else ())
    assert images.available() == ()


def test_a_program_that_fails_is_named_with_its_last_words() -> None:
    with pytest.raises(OSError, match="sh failed: at last"):
        tools.run("sh", ("-c", "echo first >&2; echo at last >&2; exit 3"))
    with pytest.raises(FileNotFoundError, match=r"mkfs\.punchcards is missing"):
        tools.run("mkfs.punchcards", ())


def test_an_image_is_compared_as_far_as_it_holds_things() -> None:
    assert held(TREE, "") == TREE
    erofs, squashfs = held(TREE, "erofs"), held(TREE, "squashfs")
    short = LONG[:-1]
    assert erofs == {
        "": TREE[""], "a": TREE["a"], "a/s": TREE["a/s"], "f": TREE["f"]._replace(link=f"a/{short}"),
        f"a/{short}": TREE[f"a/{LONG}"]._replace(link=f"a/{short}"),
    }  # fmt: skip
    assert set(squashfs) == set(TREE)
    assert squashfs["a"] == TREE["a"]._replace(mtime=0, xattrs=(("user.a", b"1"),))
    assert squashfs["a/s"].mtime == ((1 << 32) - 1) * SECOND
    assert squashfs["f"].mtime == 3 * SECOND


@pytest.mark.parametrize("namespace", ["trusted", "user"])
def test_every_file_system_meets_every_image_and_option(namespace: overlayfs.Namespace) -> None:
    backings, frozen = ("tmpfs", "ext4", "xfs"), ("erofs", "squashfs")
    ways = places(namespace, backings, frozen, frozenset())
    assert set(ways) == {Place(*pair) for pair in product(backings, ("", *frozen))}
    for kind in (*backings, *frozen):
        met = {option for place, mixes in ways.items() if kind in place for mix in mixes for option in mix}
        assert met >= set(OPTIONS)


def test_programs_of_administrators_are_found_by_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tools.find("ldconfig")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert tools.find("ldconfig") == found
    assert found is not None and os.access(found, os.X_OK)
