"""Doing the steps of a job in this process."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from typing import Any, Final

from dirmeta.observe import steps
from dirmeta.observe.forks import Fork
from dirmeta.observe.kernel import Kernel, Scratch, ScratchFactory, Unpacker
from dirmeta.observe.layout import lay_out
from dirmeta.observe.looks import agree, identify
from dirmeta.observe.operate import Actors
from dirmeta.observe.racing import Racers
from dirmeta.observe.shown import shown_options
from dirmeta.observe.steps import Failure, Job, Result, Step, Unpack, Unpacked
from dirmeta.observe.walk import ALIASES, ObservationError, answered_by_lsm, running_lsms, walk

_AWAY: Final = "/"
"""The working directory between jobs, so that no scratch directory is in use."""
_WORK: Final = "unpack."
"""Prefix of the directory that an unpacker works in, beside the one it is for."""


_BECOME: Final = {stat.S_IFLNK: "a symlink", stat.S_IFREG: "a file"}
NOT_TRIED: Final = Unpacked(1, "not tried after another layer hung", "timeout")


class Executor:
    """Does jobs, one after another. Changes the working directory and the umask of the process.

    scratch  makes scratch directories, which take their mounts with them when they go
    unpack   what the steps Unpack and UnpackTogether run
    `left_out` are the xattrs that walks do not tell of.
    """

    def __init__(self, scratch: ScratchFactory, unpack: Unpacker, kernel: Kernel) -> None:
        self._scratch = scratch
        self._unpack = unpack
        self._kernel = kernel
        self.left_out: Final = answered_by_lsm(running_lsms()) | ALIASES

    def run(self, job: Job) -> list[Result]:
        """One result a step; where a step can not be done, its `Failure` is the last one."""
        os.umask(0)
        try:
            with self._scratch(job.backing) as scratch:
                return self._run_in(scratch, job.steps)
        except OSError as error:
            return [_failure(error)]

    def _run_in(self, scratch: Scratch, todo: Sequence[Step]) -> list[Result]:
        results: list[Result] = []
        session = _Session(scratch, self._unpack, self._kernel, self.left_out)
        os.chdir(scratch.path)
        try:
            for step in todo:
                results.append(session.do(step))
        except (OSError, ObservationError) as error:
            results.append(_failure(error))
        finally:
            session.close()
            os.chdir(_AWAY)
        return results


def _failure(error: OSError | ObservationError) -> Failure:
    if isinstance(error, ObservationError):
        return Failure(error.errno, str(error))
    where = f": {error.filename}" if error.filename else ""
    return Failure(error.errno or 0, f"{error.strerror or error}{where}")


def _as_it_is() -> None:
    """A fork that needs no preparation."""


class _Session:
    """The steps of one job, in its scratch directory."""

    def __init__(self, scratch: Scratch, unpack: Unpacker, kernel: Kernel, ignored: frozenset[str]) -> None:
        self._scratch = scratch
        self._unpacker = unpack
        self._hung = False
        self._actors = Actors(kernel)
        self._racers = Racers(kernel)
        self._do: dict[type, Callable[[Any], Result]] = {
            steps.Layout: lambda step: lay_out(step.tree, step.at),
            steps.Unpack: self._unpack,
            steps.UnpackTogether: self._unpack_together,
            steps.Mount: scratch.overlay,
            steps.Unmount: self._unmount,
            steps.ShowOptions: lambda step: shown_options(step.at),
            steps.Walk: lambda step: walk(step.at, ignored),
            steps.Agree: lambda step: agree(step.at, kernel),
            steps.Identify: lambda step: identify(step.at, kernel),
            steps.Operate: self._actors.do,
            steps.Race: self._racers.race,
            steps.IdMap: scratch.idmapped,
            steps.Freeze: scratch.freeze,
            steps.Cramp: scratch.cramp,
            steps.AskAsStranger: scratch.stranger,
            steps.Log: lambda _: scratch.log(),
        }

    def do(self, step: Step) -> Result:
        return self._do[type(step)](step)

    def close(self) -> None:
        self._actors.close()
        self._racers.close()

    def _unmount(self, step: steps.Unmount) -> None:
        self._actors.close()  # what is held would keep it
        self._scratch.unmount(step.at)

    def _unpack(self, step: Unpack) -> Unpacked:
        """Unpack into a directory that stands alone with the canary, then move it to its name."""
        above, _, name = f"{self._scratch.path}/{step.at}".rpartition("/")
        work = f"{above}/{_WORK}{name}"
        dest = f"{work}/dest"
        os.mkdir(work)
        os.mkdir(dest, 0o755)
        # Who hangs on one layer may hang on every other, and each can take the whole timeout.
        ended = NOT_TRIED if self._hung else self._unpacker(step, dest, work)
        self._hung = self._hung or ended.trouble == "timeout"
        ended = _with_directory(dest, ended)
        os.rename(dest, f"{above}/{name}")
        return ended

    def _unpack_together(self, step: steps.UnpackTogether) -> tuple[Unpacked, ...]:
        forks: list[Fork[Unpack, Unpacked]] = []
        try:
            for _ in step.unpacks:
                forks.append(Fork(_as_it_is, self._unpack))
            for fork, unpack in zip(forks, step.unpacks, strict=True):
                fork.ask(unpack)
            return tuple(fork.answer() for fork in forks)
        finally:
            for fork in forks:
                fork.close()


def _with_directory(dest: str, ended: Unpacked) -> Unpacked:
    """How an unpacker ended, once there is a directory at `dest` again: what it has put there instead would
    lead the steps that follow out of the scratch directory."""
    try:
        kind = stat.S_IFMT(os.lstat(dest).st_mode)
    except FileNotFoundError:  # it took its own destination away
        os.mkdir(dest)
        return ended
    if kind == stat.S_IFDIR:
        return ended
    os.unlink(dest)
    os.mkdir(dest)
    words = f"wrote outside DEST: DEST is {_BECOME.get(kind, 'no directory')} now"
    return ended if ended.trouble else ended._replace(message=words, trouble="escaped")
