"""Experiments: which jobs a case needs, and what of their results the checks get to see.

An experiment is a generator: it yields a `Job`, is sent the job's results, may yield further jobs, and
returns a record of `rules/seen.py`. It plans and reads, and does nothing itself.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast

from dirmeta.judge import engines
from dirmeta.labs.base import Lab, LabError
from dirmeta.model import oracle, paths
from dirmeta.model.overlayfs import Namespace, Option
from dirmeta.model.semantics import DEFAULT, Policies
from dirmeta.model.stack import Case, Layer, Setup, Stack, TarFormat
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import (
    WITHOUT_XATTRS,
    AskAsStranger,
    Failure,
    Freeze,
    Job,
    Layout,
    Log,
    Mount,
    Operate,
    Result,
    Step,
    Unmount,
    Unpack,
    Unpacked,
    UnpackTogether,
    Walk,
)
from dirmeta.rules.seen import LayerSeen, Sights, StackSeen, Twice
from dirmeta.streams import tar
from dirmeta.streams.errors import EncodeError

Record = TypeVar("Record")
Experiment = Callable[[Case, "Conditions"], Generator[Job, list[Result], Any]]
Plan = Generator[Job, list[Result], Record]


@dataclass(frozen=True)
class Composing(Job):
    """A job for an engine of this machine instead of the lab: to make the root file system of a stack.

    engine  as `engines.engine` spells it
    Its one result is a `Composed`.
    """

    steps: tuple[Step, ...] = ()
    engine: str = ""
    stack: Stack = ()


@dataclass(frozen=True)
class Conditions:
    """What an experiment may count on.

    feature  whether the kernel takes the mount option dirmeta_delegate
    delegate whether mounts are held to `delegate`
    log      whether the kernel log can be read
    backings that the lab has, the default first
    frozen   kinds of read-only images that it can make
    initial  whether mounts are made in the first user namespace
    escapes  whether a mount's own xattrs can be set through it (6.7)
    refused  mount options that the kernel does not take, by namespace
    policies that merged views are predicted by
    """

    feature: bool = False
    delegate: bool = False
    log: bool = False
    backings: tuple[str, ...] = ("tmpfs",)
    frozen: tuple[str, ...] = ()
    initial: bool = True
    escapes: bool = True
    refused: tuple[tuple[Namespace, Option], ...] = ()
    policies: Policies = DEFAULT


def observe(experiment: Experiment, case: Case, conditions: Conditions, lab: Lab) -> Any:
    """Do an experiment in a lab; its record."""
    plan = experiment(case, conditions)
    try:
        job = next(plan)
        while True:
            job = plan.send(_results(job, lab))
    except StopIteration as end:
        return end.value


def _results(job: Job, lab: Lab) -> Any:
    if isinstance(job, Composing):
        return [engines.composed(job.engine, job.stack)]
    [results] = lab.run([job])
    _require_done(job, results)
    return results


OURS: Final = (Layout, Unpack, UnpackTogether, AskAsStranger, Freeze, Operate)
"""Steps that the suite has to be able to do; that they fail says nothing about a subject or a kernel. Of an
operation it is the credentials that could not be had: the error of its system call is a result."""
BUSY: Final = "the program outlives its mount: something that it has opened keeps the mount busy"
FULL: Final = "the scratch space is full; make room, or give another with --scratch DIR"
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)


def _require_done(job: Job, results: Sequence[Result]) -> None:
    """LabError where a step failed that is the suite's own affair, or the scratch space is full."""
    last = results[-1] if results else None
    if not isinstance(last, Failure):
        return
    filled = any(isinstance(each, Unpacked) and each.trouble == "full" for each in results)
    if last.errno in NO_ROOM and not filled:
        raise LabError(FULL)
    step = job.steps[len(results) - 1] if len(results) <= len(job.steps) else None
    if step is None or isinstance(step, OURS):
        raise LabError(f"the lab can not do its part: {paths.printable(last.text)}")
    if isinstance(step, Unmount) and last.errno == errno.EBUSY:
        raise LabError(BUSY)


def has_given_up(seen: object) -> bool:
    """Whether a record tells of a subject that refused, crashed or hung."""
    refused = isinstance(seen, Sights) and bool(seen.refused)
    return refused or any(not layer.ok for layer in _unpacked_layers(seen))


def has_broken_down(seen: object) -> bool:
    """Whether a record tells of a subject that crashed, hung or escaped."""
    return any(layer.trouble for layer in _unpacked_layers(seen))


def has_hung(seen: object) -> bool:
    """Whether a record tells of a subject that had to be killed."""
    return any(layer.trouble.startswith("timeout") for layer in _unpacked_layers(seen))


def _unpacked_layers(seen: object) -> tuple[LayerSeen, ...]:
    if isinstance(seen, StackSeen | Sights):
        return seen.layers
    return (*seen.first, *seen.second) if isinstance(seen, Twice) else ()


def unpacked(case: Case, conditions: Conditions) -> Plan[StackSeen]:
    """Unpack every layer from its tar stream."""
    results = yield Job(unpack_steps(case), case.setup.backing)
    return StackSeen(layers_seen(case, results))


def unpacked_without_xattrs(case: Case, conditions: Conditions) -> Plan[StackSeen]:
    """Unpack every layer where no xattr can be stored."""
    results = yield Job(unpack_steps(case), WITHOUT_XATTRS)
    return StackSeen(layers_seen(case, results))


def unpacked_and_mounted(case: Case, conditions: Conditions) -> Plan[StackSeen]:
    """Unpack every layer from its tar stream, and mount what came of it."""
    steps = (*unpack_steps(case), mount(case.setup, len(case.stack), conditions), Walk("m"))
    results = yield Job(steps, case.setup.backing)
    return stack_seen(layers_seen(case, results), results)


def laid_out(case: Case, conditions: Conditions, tools: Policies = DEFAULT) -> Plan[StackSeen]:
    """Make the diff directories straight from the model, with a tool's own placeholders, and mount them."""
    diffs = oracle.diff_directories(case, tools)
    log = (Log(),) if conditions.log else ()
    steps = (*layout_steps(diffs), mount(case.setup, len(diffs), conditions), Walk("m"), *log)
    results = yield Job(steps, case.setup.backing)
    return stack_seen(tuple(LayerSeen(tree) for tree in diffs), results)


def unpack_steps(case: Case) -> tuple[Step, ...]:
    steps: list[Step] = []
    for number, layer in enumerate(case.stack, 1):
        steps += (unpack(layer, f"l{number}", case.setup), Walk(f"l{number}"))
    return tuple(steps)


def unpack(layer: Layer, at: str, setup: Setup) -> Unpack:
    return Unpack(at, encoded(layer, setup.tar), setup.namespace, setup.delegate, setup.umask)


def encoded(layer: Layer, wanted: TarFormat) -> bytes:
    """A layer as a tar stream; as PAX where the wanted format can not hold it."""
    try:
        return tar.encode(layer, wanted)
    except EncodeError:
        return tar.encode(layer, "pax")


def layout_steps(diffs: Sequence[Tree]) -> tuple[Step, ...]:
    return tuple(Layout(f"l{number}", tree) for number, tree in enumerate(diffs, 1))


def mount(setup: Setup, layers: int, conditions: Conditions, at: str = "m") -> Mount:
    """The mount of a case: lowers by name, topmost first, and every option that can matter."""
    lowers = tuple(f"l{number}" for number in range(layers, 0, -1))
    data_only = sum(name == "datadir" for name, _ in setup.options)
    return Mount(at, lowers, "upper" if setup.upper else "", options(setup, conditions), data_only)


def options(setup: Setup, conditions: Conditions) -> tuple[tuple[str, str], ...]:
    """Mount options: the case's own over defaults that leave nothing to module parameters."""
    chosen = {"index": "off", "xino": "off", "metacopy": "off"}
    chosen["redirect_dir"] = "nofollow" if setup.namespace == "user" else "follow"
    if conditions.feature:
        chosen["dirmeta_delegate"] = "on" if conditions.delegate else "off"
    chosen.update((name, value) for name, value in setup.options if name != "datadir")
    if setup.namespace == "user":
        chosen["userxattr"] = ""
    return tuple(chosen.items())


def layers_seen(case: Case, results: Sequence[Result]) -> tuple[LayerSeen, ...]:
    """What `unpack_steps` saw, one record a layer."""
    pairs = zip(results[0::2], results[1::2], strict=False)
    seen = [layer_seen(how, tree) for _, (how, tree) in zip(case.stack, pairs, strict=False)]
    missing = len(case.stack) - len(seen)
    trouble = failure(results) or "not tried"
    return (*seen, *[LayerSeen({}, trouble=trouble)] * missing)


def layer_seen(how: Result, tree: Result) -> LayerSeen:
    """One layer's record from the results of its `Unpack` and its `Walk`."""
    for each in (how, tree):
        if isinstance(each, Failure):
            return LayerSeen({}, trouble=each.text)
    assert isinstance(how, Unpacked)
    words = how.message or (f"signal {-how.status}" if how.status < 0 else f"exit status {how.status}")
    if how.ok:
        return LayerSeen(as_tree(tree), said=how.message)
    if how.trouble or how.status < 0:
        return LayerSeen(as_tree(tree), trouble=f"{how.trouble}: {words}" if how.trouble else words)
    return LayerSeen(as_tree(tree), refused=words)


def stack_seen(layers: tuple[LayerSeen, ...], results: Sequence[Result]) -> StackSeen:
    """The record of a job that ends in a mount and a walk of it."""
    if failed := failure(results):
        return StackSeen(layers, failed=failed)
    noise = results[-1]
    if isinstance(noise, list):
        return StackSeen(layers, as_tree(results[-2]), noise=tuple(noise))
    return StackSeen(layers, as_tree(noise))


def as_tree(result: Result) -> Tree:
    """The result of a `Walk` that was done."""
    assert isinstance(result, dict)
    return cast(Tree, result)


def failure(results: Sequence[Result]) -> str:
    """Why the job stopped early, or nothing."""
    return results[-1].text if results and isinstance(results[-1], Failure) else ""


def on(case: Case, **changes: Any) -> Case:
    """The same case with another setup."""
    return replace(case, setup=replace(case.setup, **changes))
