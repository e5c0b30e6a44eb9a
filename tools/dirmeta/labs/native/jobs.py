"""Jobs as the agent in C takes them (see agent/job.c), and its answers.

MessagePack: a job is a list of steps, each packed by itself; an answer is a result a step and an errno.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgpack

from dirmeta.labs import mounts
from dirmeta.labs.kmsg import overlayfs_lines
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node, Tree, link_groups
from dirmeta.observe.steps import Job, Layout, Log, Mount, Operate, Outcome, Result, Step, Unmount, Walk
from dirmeta.sandbox.credentials import CAPABILITIES, capability

_pack: Final = msgpack.Packer(unicode_errors="surrogateescape", autoreset=True).pack


_NOBODY: Final = 0xFFFF_FFFF
"""As an id it means none."""

BATCHING: Final[bytes] = msgpack.packb("batching")
"""Asks whether the kernel has the batching system call; the answer is 0 or 1."""
PROCESSOR_TIME: Final[bytes] = msgpack.packb("processor time")
"""Asks how long the agent has worked; see `seconds`."""


def leave_out(names: Sequence[str]) -> bytes:
    """Has all walks from now on leave xattrs out; see `observe.walk.answered_by_lsm`."""
    message: bytes = _pack("leave out") + _pack(names)
    return message


def seconds(answer: bytes) -> float:
    """What `PROCESSOR_TIME` was answered."""
    return float(msgpack.unpackb(answer)) / 1e9


def takes(job: Job) -> bool:
    """Whether the agent does all of a job by itself."""
    return job.backing == "tmpfs" and all(_takes_step(step) for step in job.steps)


def _takes_step(step: Step) -> bool:
    if isinstance(step, Mount):
        return not step.append and len(mounts.data(step)) < mmap.PAGESIZE
    if isinstance(step, Operate):
        return _can_be(step.by)
    return type(step) in _STEPS


def _can_be(who: Credentials) -> bool:
    """Whether the agent can be told of somebody; who else there is, the executor in Python refuses."""
    known = all(name.lower().removeprefix("cap_") in CAPABILITIES for name in who.drop)
    return known and all(0 <= each < _NOBODY for each in (who.uid, who.gid, *who.groups))


def request(jobs: Sequence[Job]) -> bytes:
    """What the agent is sent for some jobs."""
    whole = [[_pack(_STEPS[type(step)](step)) for step in job.steps] for job in jobs]
    message: bytes = _pack("jobs") + _pack(whole)
    return message


def answers(jobs: Sequence[Job], answer: bytes) -> list[list[Result] | int]:
    """The results of each job; an errno where one of its steps could not be done."""
    found = msgpack.unpackb(answer, use_list=False, unicode_errors="surrogateescape")
    return [_results(job, each) for job, each in zip(jobs, found, strict=True)]


def _results(job: Job, answered: tuple[Any, ...]) -> list[Result] | int:
    *results, errno = answered
    if errno:
        return int(errno)
    return [
        _READ.get(type(step), _nothing)(step, each) for step, each in zip(job.steps, results, strict=True)
    ]


def _nothing(_: Step, __: object) -> None:
    return None


def _layout(step: Layout) -> tuple[object, ...]:
    paths = sorted(step.tree)
    return "layout", step.at, paths, [step.tree[path] for path in paths]


def _mount(step: Mount) -> tuple[object, ...]:
    told = mounts.flags(step), mounts.data(step)
    return "mount", step.at, *told, mounts.directories(step), mounts.marked(step)


def _operate(step: Operate) -> tuple[object, ...]:
    """Credentials are told in full each time; the agent compares them by their bytes."""
    by = step.by
    dropped = tuple(map(capability, by.drop))
    return "operate", step.call, step.path, by.uid, by.gid, by.groups, dropped, step.args


def _outcome(step: Operate, answer: tuple[int, Any]) -> Outcome:
    errno, value = answer
    return Outcome(errno, _VALUES[step.call](value) if step.call in _VALUES and not errno else value)


def _names(joined: str) -> tuple[str, ...]:
    """A list of names as listxattr(2) gives it, each with a 0 behind it."""
    return tuple(sorted(joined.split("\0")[:-1]))


_VALUES: Final[dict[str, Callable[[Any], tuple[str, ...]]]] = {
    "listxattr": _names,
    "fstat": lambda numbers: tuple(map(str, numbers)),
}


def _tree(answer: tuple[Any, ...]) -> Tree:
    paths, nodes, links = answer
    tree = dict(zip(paths, map(Node._make, nodes), strict=True))
    if links:
        return link_groups(tree, {paths[index]: (device, inode) for index, device, inode in links})
    return tree


_STEPS: Final[dict[type, Callable[[Any], tuple[object, ...]]]] = {
    Layout: _layout,
    Mount: _mount,
    Unmount: lambda step: ("unmount", step.at),
    Walk: lambda step: ("walk", step.at),
    Operate: _operate,
    Log: lambda _: ("log",),
}
_READ: Final[dict[type, Callable[[Any, Any], Result]]] = {
    Walk: lambda _, answer: _tree(answer),
    Operate: _outcome,
    Log: lambda _, answer: None if answer is None else overlayfs_lines(answer),
}
