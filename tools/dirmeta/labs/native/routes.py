"""Which of two does a job: the agent in C what it can, the executor in Python everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dirmeta.labs.base import LabError
from dirmeta.labs.native import jobs as native
from dirmeta.observe.steps import Failure, Job, Result

_LARGEST: Final = 32 << 20
"""Bytes of a request, so that what several walks find of it has room in the agent."""

Exchange = Callable[[bytes], bytes]
InPython = Callable[[Sequence[Job]], list[list[Result]]]


def run(jobs: Sequence[Job], exchange: Exchange, in_python: InPython) -> list[list[Result]]:
    """The results of each job. Raises LabError, and what the two ways raise.

    exchange   has the agent in C answer a request
    in_python  has the executor in Python do jobs
    """
    if not all(map(native.takes, jobs)):
        return in_python(jobs)
    request = native.request(jobs)
    if len(request) > _LARGEST:
        return in_python(jobs)
    found = native.answers(jobs, exchange(request))
    return [
        _explained(job, each, in_python) if isinstance(each, int) else each
        for job, each in zip(jobs, found, strict=True)
    ]


def _explained(job: Job, errno: int, in_python: InPython) -> list[Result]:
    """A job that failed, done again by the executor in Python, which knows what to say of it."""
    [results] = in_python([job])
    if results and isinstance(results[-1], Failure):
        return results
    raise LabError(f"a job failed in the agent in C (errno {errno}), and did not when it was done again")
