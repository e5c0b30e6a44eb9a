"""Programs in User Mode Linux guests: the agent acts for others as the executor in Python does."""

from __future__ import annotations

import errno
import time

import pytest

from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.native import jobs as native
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node
from dirmeta.observe.steps import Failure, Job, Layout, Mount, Operate, Outcome, Result, Step, Unmount, Walk
from suites.selftest.rows import ACTORS, LOWER, comparable, every_call, mounted, program_jobs


def in_three_ways(jobs: list[Job], guest: GuestLab, plain: GuestLab) -> list[list[list[object]]]:
    """Results of the agent with the batching call, without it, and of the executor in Python."""
    assert all(map(native.takes, jobs))
    since = time.time_ns() - 1_000_000_000
    return [comparable(ask(jobs), since) for ask in (guest.run, plain.run, guest.run_in_python)]


def test_programs_have_the_same_rows_in_three_ways(guest: GuestLab, plain_guest: GuestLab) -> None:
    jobs = program_jobs(guest, 6)
    assert len({step.by for job in jobs for step in job.steps if isinstance(step, Operate)}) >= 5
    batched, plain, python = in_three_ways(jobs, guest, plain_guest)
    assert batched == python
    assert plain == python


@pytest.mark.parametrize("who", ACTORS)
def test_every_call_has_the_same_outcome_in_three_ways(
    who: str, guest: GuestLab, plain_guest: GuestLab
) -> None:
    jobs = [every_call(ACTORS[who], guest.limits)]
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
    before = mounted(lab.limits)
    [results] = lab.run([Job((*before, *steps))])
    return results[len(before) :]


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
