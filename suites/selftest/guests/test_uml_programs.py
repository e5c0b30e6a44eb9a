"""Programs in User Mode Linux guests: the agent acts for others as the executor in Python does."""

from __future__ import annotations

import errno
import time
from typing import Any

import pytest

from dirmeta.generate import programs
from dirmeta.judge.draw import Batch, feed, one_by_one
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.programs import operated
from dirmeta.labs.guest import jobs as fast
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Failure, Job, Layout, Mount, Operate, Outcome, Result, Step, Unmount, Walk

LOWER: Tree = {
    "": Node("directory", 0o777),
    "d": Node("directory", 0o2775, 7, 8, -1_500_000_001, (("user.a", b"\0\xff"), ("trusted.t", b"t"))),
    "d/f": Node("file", 0o644, 7, 8, 1, (), b"content"),
    "d/g": Node("directory", 0o755, 7, 8, 2),
    "l": Node("symlink", 0o777, target="d"),
    "p": Node("fifo", 0o666),
    "closed": Node("directory", 0o700, 7, 8, 3),
    "t": Node("directory", 0o1777, 0, 0, 4),
    "t/of-7": Node("directory", 0o755, 7, 7, 5),
}
MOUNTED: tuple[Step, ...] = (Layout("l1", LOWER), Mount("m", ("l1",), "upper"))
ACTORS = {
    "the mounter": Credentials(),
    "the owner": Credentials(7, 7),
    "a member": Credentials(9, 9, (8, 10)),
    "another root group": Credentials(0, 8),
    "weak": Credentials(drop=("CAP_DAC_OVERRIDE", "dac_read_search", "fowner", "chown", "fsetid")),
    "weak in others": Credentials(drop=("sys_admin", "setgid", "setuid", "setpcap")),
    "a stranger": Credentials(4711, 4711),
}
EVERY_CALL: tuple[tuple[str, str, *tuple[Any, ...]], ...] = (
    ("access", "m/closed", 1), ("access", "m/d/f", 2), ("access", "m/none", 0), ("read", "m/d"),
    ("read", "m/d/f"), ("read", "m/l"), ("read", "m/p"), ("read", "m/closed"), ("read", "m/no"),
    ("listxattr", "m/d"), ("listxattr", "m/d/f"), ("getxattr", "m/d", "user.a"),
    ("getxattr", "m/d", "trusted.t"), ("setxattr", "m/d", "user.b", "\udcff"),
    ("setxattr", "m/d", "user.c", b"\0\xff"), ("listxattr", "m/d"), ("setxattr", "m/d", "trusted.u", b""),
    ("removexattr", "m/d", "user.a"), ("removexattr", "m/d", "user.none"), ("hold", "m/d", 0),
    ("hold", "m/d/f", 1), ("hold", "m/closed", 1), ("fstat", "", 0), ("fchmod", "", 0, 0o2770),
    ("fstat", "", 0), ("fstat", "", 1), ("fchmod", "", 1, 0o755), ("fstat", "", 2), ("hold", "m/t", 0),
    ("fstat", "", 0), ("chmod", "m/d", 0o6775), ("chmod", "m/t/of-7", 0o2711),
    ("chmod", "m/t/of-7", 0o755), ("chown", "m/d/g", -1, 8), ("chown", "m/d/f", 9, -1),
    ("chown", "m/l", 1, 2), ("chown", "m/d", -1, -1), ("utimens", "m/d", 1, -2),
    ("utimens", "m/l", -1_000_000_001, 5), ("utimens", "m/d/g"), ("utimens", "m/p"),
    ("mkdir", "m/d/n", 0o7755), ("mkdir", "m/t/n", 0o755), ("create", "m/t/n/f", 0o6640),
    ("create", "m/d/f", 0o644), ("create", "m/t/\udcff", 0o600), ("write", "m/t/\udcff", "\udcfe text"),
    ("write", "m/d/f", "longer text"), ("write", "m/l", ""), ("write", "m/d", "x"),
    ("write", "m/none", "x"), ("symlink", "m/t/s", "\udcff"), ("symlink", "m/t/s", "f"),
    ("link", "m/d/f", "m/t/h"), ("link", "m/l", "m/t/hl"), ("link", "m/d", "m/t/hd"),
    ("rename", "m/t/n/f", "m/t/moved"), ("rename", "m/t/n", "m/t/of-7"),
    ("rename", "m/t/n", "m/t/s", "noreplace"), ("rename", "m/t/n", "m/t/s", "exchange"),
    ("rename", "m/d/g", "m/t/g"), ("rmdir", "m/t/of-7"), ("rmdir", "m/d"), ("unlink", "m/t/s"),
    ("unlink", "m/t/moved"), ("unlink", "m/d/f"), ("unlink", "m/none"), ("drop-caches", ""),
)  # fmt: skip


OF_THEIR_OWN = (".overlay.origin", ".overlay.uuid")
"""Xattrs with values that are drawn anew for each file system and mount."""


def every_call(by: Credentials) -> Job:
    calls = (Operate(call, path, tuple(args), by) for call, path, *args in EVERY_CALL)
    return Job((*MOUNTED, *calls, Walk("m"), Walk("upper")))


def drawn_jobs(lab: GuestLab, count: int) -> list[Job]:
    """The jobs of some programs, most operations by others than the mounter, as a run has them done."""
    limits, feature = lab.limits, lab.claims_feature
    conditions = Conditions(feature=feature, delegate=feature, refused=limits.refused, escapes=limits.escapes)
    batches: list[Batch] = []
    draws = one_by_one(lambda limits: programs.cases(limits, mounter=3))
    feed(draws(limits, 1), count, 7, batches.append)
    return [next(operated(case, conditions)) for batch in batches for case in batch]


def comparable(found: list[list[Result]], since: int) -> list[list[object]]:
    """Results without times that the clock has set since then, and without what is drawn anew."""
    return [[_comparable(result, since) for result in row] for row in found]


def _comparable(result: Result, since: int) -> object:
    if isinstance(result, dict):
        return {path: _lasting(node, since) for path, node in result.items() if isinstance(node, Node)}
    if isinstance(result, Outcome) and isinstance(result.value, tuple):
        return result.errno, [text for text in result.value if not text.isdigit() or int(text) < since]
    return result


def _lasting(node: Node, since: int) -> Node:
    xattrs = tuple((name, b"" if name.endswith(OF_THEIR_OWN) else value) for name, value in node.xattrs)
    clocked = node.mtime is not None and node.mtime >= since
    return node._replace(mtime=None if clocked else node.mtime, xattrs=xattrs)


def in_three_ways(jobs: list[Job], guest: GuestLab, plain: GuestLab) -> list[list[list[object]]]:
    """Results of the agent with the batching call, without it, and of the executor in Python."""
    assert all(map(fast.takes, jobs))
    since = time.time_ns() - 1_000_000_000
    return [comparable(ask(jobs), since) for ask in (guest.run, plain.run, guest.run_in_python)]


def test_programs_have_the_same_rows_in_three_ways(guest: GuestLab, plain_guest: GuestLab) -> None:
    jobs = drawn_jobs(guest, 6)
    assert len({step.by for job in jobs for step in job.steps if isinstance(step, Operate)}) >= 5
    batched, plain, python = in_three_ways(jobs, guest, plain_guest)
    assert batched == python
    assert plain == python


@pytest.mark.parametrize("who", ACTORS)
def test_every_call_has_the_same_outcome_in_three_ways(
    who: str, guest: GuestLab, plain_guest: GuestLab
) -> None:
    jobs = [every_call(ACTORS[who])]
    batched, plain, python = in_three_ways(jobs, guest, plain_guest)
    assert len(batched[0]) == len(jobs[0].steps)
    assert batched == python
    assert plain == python


def test_a_read_only_mount_refuses_in_three_ways(guest: GuestLab, plain_guest: GuestLab) -> None:
    mount = Mount("m", ("l1",), "upper", (("ro", ""),))
    make, look = Operate("mkdir", "m/new", (0o755,)), Operate("access", "m/d", (2,))
    jobs = [Job((Layout("l1", LOWER), mount, make, look))]
    refused = [[None, None, Outcome(errno.EROFS), Outcome(errno.EROFS)]]
    assert in_three_ways(jobs, guest, plain_guest) == [refused] * 3


def outcomes(lab: GuestLab, *steps: Step) -> list[Result]:
    """The results of steps on a mount, laid out and mounted before."""
    [results] = lab.run([Job((*MOUNTED, *steps))])
    return results[len(MOUNTED) :]


def test_the_agent_is_root_again(guest: GuestLab) -> None:
    for who in ACTORS.values():
        found = outcomes(
            guest,
            Operate("access", "m/d", (0,), who),
            Operate("setxattr", "m/closed", ("trusted.t", b"t")),
            Operate("chown", "m/closed", (1, 2)),
            Operate("create", "m/d/new", (0o600,)),
            Operate("access", "m/closed", (7,)),
            Walk("m/d"),
        )
        assert found[1:5] == [Outcome(0)] * 4
        assert isinstance(found[5], dict)
        new = found[5]["new"]
        assert isinstance(new, Node)
        assert (new.uid, new.gid) == (0, 8)


def test_what_is_held_is_of_who_opened_it(guest: GuestLab) -> None:
    owner, stranger = Credentials(7, 7), Credentials(9, 9)
    found = outcomes(
        guest,
        Operate("hold", "m/d", (0,), owner),
        Operate("fstat", "", (0,), owner),
        Operate("fstat", "", (0,), stranger),
        Operate("hold", "m/d/g", (0,), stranger),
        Operate("fstat", "", (0,), stranger),
        Operate("hold", "m/t", (0,), owner),
        Operate("fstat", "", (0,), owner),
    )
    assert found == [
        Outcome(0), Outcome(0, ("1533", "7", "8", "-1500000001")), Outcome(errno.EBADF),
        Outcome(0), Outcome(0, ("493", "7", "8", "2")), Outcome(0), Outcome(0, ("1023", "0", "0", "4")),
    ]  # fmt: skip


def test_what_is_held_keeps_no_mount(guest: GuestLab) -> None:
    hold, look = Operate("hold", "m/d", (0,)), Operate("fstat", "", (0,))
    assert outcomes(guest, hold, Unmount("m"), look) == [Outcome(0), None, Outcome(errno.EBADF)]
    assert outcomes(guest, look) == [Outcome(errno.EBADF)]


def test_who_can_not_be_is_told_and_leaves_nothing(guest: GuestLab) -> None:
    for who in (Credentials(7, 7, drop=("setuid",)), Credentials(7, 7, drop=("fly",)), Credentials(1 << 32)):
        found = outcomes(guest, Operate("hold", "m/d", (0,), who), Walk("m"))
        assert isinstance(found[-1], Failure)
        assert len(found) == 1
    assert outcomes(guest, Operate("create", "m/closed/new", (0o600,)), Unmount("m")) == [Outcome(0), None]
