"""What is laid out is what is read back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from dirmeta.labs.host import HostLab
from dirmeta.model import acl
from dirmeta.model.tree import WHITEOUT, Node, Tree
from dirmeta.observe.layout import LayoutError, lay_out
from dirmeta.observe.steps import Failure, Job, Layout, Walk
from dirmeta.observe.walk import ObservationError, answered_by_lsm, walk

ACCESS = acl.parse("u::rwx,u:0:r-x,g::r-x,m::r-x,o::---")


@pytest.fixture(scope="module")
def lab() -> Iterator[HostLab]:
    with HostLab() as lab:
        yield lab


def there_and_back(lab: HostLab, tree: Tree, backing: str = "") -> Tree:
    steps = (Layout("l1", tree), Walk("l1"))
    [[made, seen]] = lab.run([Job(steps, backing or lab.limits.backings[0])])
    assert made is None
    assert isinstance(seen, dict)
    return cast(Tree, seen)


def every_kind(lab: HostLab) -> Tree:
    """One of everything that the lab can hold."""
    private = lab.limits.namespaces[0] + ".overlay.opaque"
    owner = 7 if lab.limits.ids is None else 0
    tree = {
        "": Node("directory", 0o711, owner, owner, 5),
        "d": Node("directory", 0o3750, owner, 0, -1, ((private, b"y"),)),
        "d/acl": Node("directory", 0o750, 0, 0, 10**9 + 1, (("system.posix_acl_access", ACCESS),)),
        "d/f": Node("file", 0o6755, owner, owner, 123_456_789, (("user.a", b""), ("user.z", b"z")), b"12345"),
        "d/zero": Node("directory", 0, 0, 0, 0),
        "d/zero/file": Node("file", 0, 0, 0, 1),
        "empty": Node("file", 0o1644, 0, owner, 0),
        "fifo": Node("fifo", 0o620, 0, 0, 2),
        "hard": Node("file", 0o600, 0, 0, 3, content=b"twice", link="hard"),
        "harder": Node("file", 0o600, 0, 0, 3, content=b"twice", link="hard"),
        "link": Node("symlink", 0o777, owner, 0, -5, target="d/nowhere"),
        "socket": Node("socket", 0o755, 0, 0, 4),
        "st\udcffay": Node("file", 0o644, 0, 0, 6, content=b"x" * 100_000),
        "white": WHITEOUT,
    }
    if lab.limits.devices:
        tree["null"] = Node("char", 0o666, 0, owner, 7, device=(1, 3))
    return tree


def test_every_kind_of_node_comes_back_as_it_was(lab: HostLab) -> None:
    for backing in lab.limits.backings:
        assert there_and_back(lab, every_kind(lab), backing) == every_kind(lab)


def test_children_of_a_setgid_directory_inherit_nothing(lab: HostLab) -> None:
    group = 8 if lab.limits.ids is None else 0
    default = (("system.posix_acl_default", ACCESS),)
    tree = {
        "": Node("directory", 0o2755, 0, group, 0, default),
        "d": Node("directory", 0o2775, 0, group, 0, default),
        "d/e": Node("directory", 0o755),
        "d/f": Node("file", 0o664),
    }
    assert there_and_back(lab, tree) == tree


def test_a_time_that_is_none_is_left_to_the_clock(lab: HostLab) -> None:
    seen = there_and_back(lab, {"": Node("directory"), "d": Node("directory", mtime=None)})
    assert (seen["d"].mtime or 0) > 10**18


def test_the_metadata_of_a_whiteout_does_not_count(lab: HostLab) -> None:
    layer = {"": Node("directory"), "w": WHITEOUT._replace(mode=0o644, mtime=5)}
    assert there_and_back(lab, layer)["w"] == WHITEOUT


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").touch()
    (tmp_path / "link").symlink_to("d")
    assert set(walk(str(tmp_path))) == {"", "d", "d/x", "link"}
    with pytest.raises(ObservationError, match="Not a directory"):
        walk(str(tmp_path / "link"))


def test_one_name_of_a_file_linked_from_elsewhere_is_no_group(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").touch()
    (tmp_path / "y").hardlink_to(tmp_path / "d/x")
    assert walk(str(tmp_path))["y"].link == "d/x"
    assert walk(str(tmp_path / "d"))["x"].link == ""


def test_what_a_security_module_answers_is_left_out(tmp_path: Path) -> None:
    os.setxattr(tmp_path, "user.label", b"x")
    assert walk(str(tmp_path), frozenset(("user.label",)))[""].xattrs == ()
    assert answered_by_lsm(("capability", "selinux")) == {"security.selinux"}


def test_a_tree_that_can_not_be_read_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="No such file") as caught:
        walk(str(tmp_path / "missing"))
    assert caught.value.path == ""


def test_a_node_that_can_not_be_made_names_path_and_call(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(LayoutError, match=f"open: File exists: '{tmp_path}/f'"):
        lay_out({"": Node("directory"), "f": Node("file")}, str(tmp_path))


def test_a_job_ends_at_the_step_that_fails(lab: HostLab) -> None:
    tree = {"": Node("directory"), "s": Node("symlink", target="x", xattrs=(("user.a", b"b"),))}
    [results] = lab.run([Job((Layout("l1", tree), Walk("l1")), lab.limits.backings[0])])
    assert [type(result) for result in results] == [Failure]
    assert "lsetxattr user.a" in str(results[0])
    assert "l1/s" in str(results[0])
