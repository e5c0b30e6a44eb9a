"""Jobs on the kernel that is running: mounts, looks, operations."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import cast

import pytest

from dirmeta.labs.host import HostLab
from dirmeta.model import overlayfs
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import (
    Agree,
    Failure,
    Identify,
    IdMap,
    Job,
    Layout,
    Log,
    Mount,
    Operate,
    Outcome,
    Result,
    Step,
    Unmount,
    Walk,
)

LOW: Tree = {
    "": Node("directory"),
    "d": Node("directory", 0o750, mtime=11),
    "d/x": Node("file", 0o644, mtime=12, content=b"low"),
}
HIGH: Tree = {"": Node("directory"), "d": Node("directory", 0o701, mtime=22), "d/y": Node("file", mtime=23)}


@pytest.fixture(scope="module")
def lab() -> Iterator[HostLab]:
    with HostLab() as lab:
        yield lab


def do(lab: HostLab, *steps: Step, backing: str = "") -> list[Result]:
    """The results of all steps but the failed one, which fails the test."""
    [results] = lab.run([Job(steps, backing or lab.limits.backings[0])])
    assert not isinstance(results[-1], Failure), results[-1]
    return results


def fails(lab: HostLab, *steps: Step) -> Failure:
    [results] = lab.run([Job(steps, lab.limits.backings[0])])
    assert isinstance(results[-1], Failure)
    return results[-1]


def tree(results: list[Result]) -> Tree:
    """What the last step, a walk, has seen."""
    assert isinstance(results[-1], dict)
    return cast(Tree, results[-1])


def options(namespace: Namespace) -> tuple[tuple[str, str], ...]:
    return (("userxattr", ""),) if namespace == "user" else ()


def own_options(lab: HostLab) -> tuple[tuple[str, str], ...]:
    return options(lab.limits.namespaces[0])


def both(lab: HostLab, upper: str = "") -> tuple[Step, ...]:
    return (
        Layout("l1", LOW),
        Layout("l2", HIGH),
        Mount("m", ("l2", "l1"), upper, options=own_options(lab)),
    )


def test_a_stock_mount_shows_the_topmost_metadata(lab: HostLab) -> None:
    for backing in lab.limits.backings:
        seen = tree(do(lab, *both(lab), Walk("m"), backing=backing))
        assert set(seen) == {"", "d", "d/x", "d/y"}
        assert seen["d"] == HIGH["d"]
        assert seen["d/x"] == LOW["d/x"]


def test_each_namespace_has_its_own_opaque_xattr(lab: HostLab) -> None:
    for namespace in lab.limits.namespaces:
        opaque = ((overlayfs.PREFIX[namespace] + overlayfs.OPAQUE, overlayfs.YES),)
        high = {**HIGH, "d": HIGH["d"]._replace(xattrs=opaque)}
        mount = Mount("m", ("l2", "l1"), options=options(namespace))
        seen = tree(do(lab, Layout("l1", LOW), Layout("l2", high), mount, Walk("m")))
        assert set(seen) == {"", "d", "d/y"}
        assert seen["d"].xattrs == ()


def test_a_mark_is_never_shown(lab: HostLab) -> None:
    namespace = lab.limits.namespaces[0]
    marked = {"": Node("directory"), "d": Node("directory", xattrs=((overlayfs.mark_name(namespace), b"y"),))}
    mount = Mount("m", ("l1",), options=options(namespace))
    results = do(lab, Layout("l1", marked), mount, Walk("l1"), Walk("m"))
    assert tree(results[:-1])["d"].xattrs
    assert not tree(results)["d"].xattrs


def test_a_single_lower_is_mounted_with_a_helper(lab: HostLab) -> None:
    assert do(lab, Layout("l1", LOW), Mount("m", ("l1",), options=own_options(lab)), Walk("m"))[-1] == LOW


def test_layers_can_be_given_one_by_one(lab: HostLab) -> None:
    steps = (*both(lab)[:2], Mount("m", ("l2", "l1"), options=own_options(lab), append=True))
    assert do(lab, *steps, Walk("m"))[-1] == do(lab, *both(lab), Walk("m"))[-1]


@pytest.mark.parametrize("append", [False, True])
def test_five_hundred_layers_can_be_mounted(lab: HostLab, append: bool) -> None:
    lowers = tuple(f"l{number}" for number in range(500))
    mount = Mount("m", lowers, options=own_options(lab), append=append)
    seen = tree(do(lab, Layout("l0", HIGH), Layout("l499", LOW), mount, Walk("m")))
    assert seen == {**LOW, **HIGH}


def test_a_data_only_layer_is_not_seen(lab: HostLab) -> None:
    if not lab.limits.trusted:
        pytest.skip("data-only layers need redirects, which are trusted xattrs")
    more = (("metacopy", "on"), ("redirect_dir", "follow"))
    steps = (*both(lab)[:2], Mount("m", ("l2", "l1"), options=more, data_only=1), Walk("m"))
    assert do(lab, *steps)[-1] == HIGH


def test_a_change_is_copied_up(lab: HostLab) -> None:
    steps = (*both(lab, "upper"), Operate("chmod", "m/d", (0o711,)), Unmount("m"), Walk("upper"), Walk("l2"))
    results = do(lab, *steps)
    assert results[3] == Outcome(0)
    assert tree(results[:-1])["d"].mode == 0o711
    assert tree(results) == HIGH


def test_the_error_of_an_operation_is_an_outcome(lab: HostLab) -> None:
    steps = (*both(lab), Operate("mkdir", "m/new", (0o755,)), Operate("getxattr", "m/d", ("user.no",)))
    assert do(lab, *steps)[-2:] == [Outcome(errno.EROFS), Outcome(errno.ENODATA)]


def test_operations_return_what_they_read(lab: HostLab) -> None:
    steps = (
        *both(lab, "upper"),
        Operate("setxattr", "m/d/x", ("user.key", b"value")),
        Operate("listxattr", "m/d/x"),
        Operate("getxattr", "m/d/x", ("user.key",)),
    )
    assert do(lab, *steps)[-2:] == [Outcome(0, ("user.key",)), Outcome(0, b"value")]


def test_every_call_can_be_made(lab: HostLab) -> None:
    steps = (
        Operate("mkdir", "m/n", (0o7755,)), Operate("create", "m/n/f", (0o640,)),
        Operate("write", "m/n/f", ("text",)), Operate("chown", "m/n/f", (0, 0)),
        Operate("utimens", "m/n", (1, -2)), Operate("rename", "m/n/f", ("m/n/g",)),
        Operate("access", "m/n/g", (4,)), Operate("setxattr", "m/n", ("user.a", b"b")),
        Operate("removexattr", "m/n", ("user.a",)), Operate("unlink", "m/n/g"), Operate("utimens", "m/n"),
        Operate("rmdir", "m/n"), Operate("access", "m/n", (0,)),
    )  # fmt: skip
    outcomes = do(lab, *both(lab, "upper"), *steps)[3:]
    assert outcomes == [Outcome(0)] * (len(steps) - 1) + [Outcome(errno.ENOENT)]


def test_who_gave_up_a_capability_is_refused(lab: HostLab) -> None:
    weak = Credentials(drop=("CAP_DAC_OVERRIDE", "dac_read_search"))
    secret = {**LOW, "d": Node("directory", 0)}
    steps = (
        Layout("l1", secret),
        Operate("access", "l1/d/x", (4,)),
        Operate("access", "l1/d/x", (4,), by=weak),
        Operate("chmod", "l1/d", (0o700,), by=weak),
        Operate("access", "l1/d/x", (4,), by=weak),
    )
    outcomes = do(lab, *steps)[1:]
    assert outcomes == [Outcome(0), Outcome(errno.EACCES), Outcome(0), Outcome(0)]


def test_other_users_and_groups_are_told_apart(lab: HostLab) -> None:
    if lab.limits.ids is not None:
        pytest.skip("a user namespace of one id has no other users")
    layer = {"": Node("directory"), "d": Node("directory", 0o750, 7, 8), "d/x": Node("file", 0o644)}
    people = (Credentials(7, 1), Credentials(9, 8), Credentials(9, 9, (8,)), Credentials(9, 9))
    steps = [Operate("access", "l1/d/x", (4,), by=who) for who in people]
    assert do(lab, Layout("l1", layer), *steps)[1:] == [*[Outcome(0)] * 3, Outcome(errno.EACCES)]


def test_all_ways_to_look_agree(lab: HostLab) -> None:
    looks = do(lab, *both(lab), Agree("m"))[-1]
    ways = {"stat", "lstat", "fstat", "path", "statx", "held", "thread1", "thread2", "thread3", "thread4"}
    assert isinstance(looks, dict)
    assert set(looks) == {"", "d"}
    assert looks["d"] == dict.fromkeys(ways, (0o701, 0, 0, 22))


def test_identities_are_consistent_on_a_plain_directory(lab: HostLab) -> None:
    found = do(lab, Layout("l1", LOW), Identify("l1"))[-1]
    assert isinstance(found, dict)
    assert set(found) == {"d", "d/x"}
    for who in found.values():
        assert not isinstance(who, (Node, dict))
        assert who.d_ino == who.st_ino
        assert who.d_type == who.mode_type >> 12
        assert who.handle is None or len(who.handle) > 4


def test_an_idmapped_layer_shows_other_owners(lab: HostLab) -> None:
    if lab.limits.ids is not None:
        pytest.skip("idmapped mounts need the first user namespace")
    layer = {"": Node("directory"), "f": Node("file", 0o644, 3, 4)}
    seen = tree(do(lab, Layout("l1", layer), IdMap("mapped", "l1", 1000, 100), Walk("mapped")))
    assert (seen["f"].uid, seen["f"].gid) == (1003, 1004)


def test_the_log_is_of_this_job_alone(lab: HostLab) -> None:
    refused = Mount("m", ("l1",), options=(*own_options(lab), ("no_such_option", "")))
    fails(lab, Layout("l1", LOW), refused)
    assert do(lab, *both(lab), Log())[-1] == ([] if lab.log_readable else None)


def test_a_refused_mount_says_what_the_kernel_says(lab: HostLab) -> None:
    refused = Mount("m", ("l1",), options=(*own_options(lab), ("no_such_option", "")))
    failure = fails(lab, Layout("l1", LOW), refused, Walk("m"))
    assert failure.errno == errno.EINVAL
    assert failure.text.startswith("mount: Invalid argument")
    assert failure.text.endswith(": m")
    assert "no_such_option" in failure.text


def test_an_unknown_backing_is_a_failure(lab: HostLab) -> None:
    [[failure]] = lab.run([Job((Walk("."),), "punchcards")])
    assert isinstance(failure, Failure)
    assert "punchcards" in failure.text


def test_jobs_see_nothing_of_each_other(lab: HostLab) -> None:
    for backing in lab.limits.backings:
        do(lab, *both(lab, "upper"), backing=backing)
        assert set(tree(do(lab, Walk("."), backing=backing))) == {""}
