"""A case as a shell script, for people who go on by hand: coreutils, util-linux, attr, acl, and no dirmeta.

What it does is the experiment's own job, step by step; the diff directories are those of the model.
"""

from __future__ import annotations

import errno
import itertools
import shlex
from collections.abc import Iterator

from dirmeta.judge.experiments import Conditions, laid_out
from dirmeta.judge.programs import how, operated
from dirmeta.labs import mounts
from dirmeta.model import codec, listing, program, rehearsal
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Case, Operation
from dirmeta.model.writer import Expected
from dirmeta.observe.steps import Cramp, Job, Layout, Mount, Operate, Step, Unmount, Walk
from dirmeta.reports.shell import CALL, CALLS, Commands, ScriptError
from dirmeta.reports.shell_layout import laying_out

WALK = r"""
# Looks at everything in a directory, as the suite does; prints what is not as it was the last time.
walk() {
	seen=${1##*/}.seen
	touch "$seen"
	{
		find "$1" -exec stat -c '%n  %F %04a %u:%g %y' {} + | sort
		getfattr -RPhd -m '^(trusted|user|security)' "$1"
		getfacl -RPnps "$1"
	} > new 2> /dev/null  # a directory that merges with nothing lists whiteouts, which are not there
	diff -U 0 -F '^# file' "$seen" new | tail -n +3
	mv new "$seen"
}
"""
TOLD = """
# Says what came of the command before.
told() {
	if [ $? = 0 ]; then echo '   done'; else echo '   refused'; fi
}
"""
_BEGINNING = """\
#!/bin/sh
# dirmeta case {id}, by hand. As root, in an empty directory on tmpfs, ext4, xfs or btrfs:
#     unshare -m sh FILE
#
{listing}

set -u
umask 0
PATH=/usr/sbin:/usr/bin:/sbin:/bin  # programs that everybody may run
exec 2>&1
"""


def script(case: Case, conditions: Conditions) -> str:
    """The script of a well-formed case, on a kernel like that of `conditions`.

    Names in it that are not UTF-8 hold lone surrogates. Raises ScriptError where sh can not do it.
    """
    if case.setup.raced:
        raise ScriptError("what is done at once by several processes has no order to be written down in")
    experiment = operated if case.program else laid_out
    job = next(experiment(case, conditions))
    body = "\n".join(_Script(case, conditions).lines(job))
    listed = "\n".join(f"# {line}".rstrip() for line in listing.render(case).splitlines())
    beginning = _BEGINNING.format(id=codec.case_id(case), listing=listed)
    helper = f"\n{CALL}" if CALLS in body else ""
    return f"{beginning}{helper}{WALK}{TOLD}{body}\n"


def mounting(step: Mount) -> Iterator[str]:
    """The commands of a mount, its directories made before."""
    for directory, mark in mounts.marked(step):
        yield f"setfattr -n {mark} -v y {directory}"
    options = f"{'ro,' if mounts.READ_ONLY in step.options else ''}{mounts.data(step)}"
    yield f"mount -t overlay overlay -o {shlex.quote(options)} {step.at}"


class _Script:
    """The lines of a job, and what of it is mounted and made at that point.

    program  (number, operation, state before it, what it has to come to) of those to come
    """

    def __init__(self, case: Case, conditions: Conditions) -> None:
        rehearsed = rehearsal.rehearsed(case, how(case, conditions))
        self._program = (
            (number, operation, state, expected)
            for number, operation, (state, expected) in zip(
                itertools.count(1), case.program, rehearsed, strict=False
            )
        )
        self._commands = Commands()
        self._mounted: list[str] = []
        self._made: set[str] = set()

    def lines(self, job: Job) -> Iterator[str]:
        for step in job.steps:
            yield from self._step(step)
        yield ""
        yield from self._commands.closed()
        yield from (f"umount {at}" for at in reversed(self._mounted))

    def _step(self, step: Step) -> Iterator[str]:
        match step:
            case Cramp(at, inodes):
                self._mounted.append(at)
                yield f"\nmkdir {at} && mount -t tmpfs -o mode=0755,nr_inodes={inodes} cramped {at} || exit 1"
            case Layout(at, tree):
                self._made.add(at)
                yield f"\n# {at}"
                yield from laying_out(tree, at)
            case Mount():
                yield from self._mount(step)
            case Unmount(at):
                yield from self._unmount(at)
            case Walk(at):
                yield f"walk {at}"
            case Operate(call="fstat"):
                yield self._commands.told_of_held(step)
            case Operate():
                number, operation, state, expected = next(self._program)
                yield from _heading(number, operation, _right(state, operation, expected))
                yield from self._commands.doing(step, state)

    def _mount(self, step: Mount) -> Iterator[str]:
        new = [each for each in mounts.directories(step) if each not in self._made]
        self._made.update(new)
        self._mounted.append(step.at)
        yield ""
        if new:
            yield f"mkdir -m 0755 {' '.join(new)}"
        *before, last = mounting(step)
        yield from before
        yield f"{last} || exit 1"

    def _unmount(self, at: str) -> Iterator[str]:
        """Also the heading of what the mounter does; after the last operation it is the suite's own."""
        remount: tuple[int, Operation, State, Expected | None] | None = next(self._program, None)
        if remount is not None:
            yield from _heading(remount[0], remount[1], 0)
        yield from self._commands.closed()
        yield f"umount {at} || exit 1"
        self._mounted.remove(at)


def _right(state: State, operation: Operation, expected: Expected | None) -> int:
    """The errno that is right, 0 where there is none, or where any may be."""
    number = expected.number if expected is not None else None
    if number == 0 and state.read_only and operation.op in program.CHANGES:
        return errno.EROFS
    return number or 0


def _heading(number: int, operation: Operation, right: int) -> Iterator[str]:
    words = f"    ({errno.errorcode.get(right, right)} is right)" if right else ""
    yield f"\necho {shlex.quote(f'{number}  {listing.operation(operation)}{words}')}"
