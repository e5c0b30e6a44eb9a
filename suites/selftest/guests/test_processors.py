"""How many processors a guest has, and which of the host's run it."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from dirmeta import kernels, labs
from dirmeta.labs.base import LabError
from dirmeta.labs.guest import processors


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 2, 3, 5})


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("worker", "count", "place"),
    [(0, 1, {5}), (1, 1, {3}), (4, 1, {5}), (0, 2, {5, 3}), (1, 2, {2, 1}), (2, 2, {5, 3}), (0, 4, set())],
)
def test_workers_have_processors_of_their_own_as_far_as_there_are(
    worker: int, count: int, place: set[int]
) -> None:
    assert processors.pinned(worker, count) == place


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("spec", "asked"), [("6.12", ("6.12", 1)), ("a,cpus=4", ("a", 4)), ("b,cpus=", None)]
)
def test_a_number_is_what_comes_last(spec: str, asked: tuple[str, int] | None) -> None:
    if asked is not None:
        assert processors.split(spec) == asked
        return
    with pytest.raises(processors.CpusError, match=r"^cpus=: a number from 1 to 4 is wanted"):
        processors.split(spec)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor here")
def test_a_kernel_for_one_processor_is_refused_more() -> None:
    try:
        kernels.find("6.12")
    except kernels.KernelError as why:
        pytest.skip(str(why))
    with pytest.raises(
        LabError, match=r"^uml:6\.12,cpus=2: its kernel runs 1 of 2 processors; it needs CONFIG_SMP"
    ):
        labs.lab("uml:6.12,cpus=2")


def test_the_host_has_all_that_this_process_may_use() -> None:
    with closing(labs.lab("host")) as host:
        assert host.limits.processors == len(os.sched_getaffinity(0))
