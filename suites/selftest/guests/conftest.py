"""Guests of the stock kernels, one a module, with and without the batching system call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dirmeta import kernels
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.guest.uml import Uml
from dirmeta.model.tree import Node

KERNELS = ("6.12", "7.3")
DIRECTORY = Node("directory", 0o755)


def image(name: str = KERNELS[0]) -> str:
    try:
        return str(kernels.find(name).image)
    except kernels.KernelError as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module", params=KERNELS)
def guest(request: pytest.FixtureRequest) -> Iterator[GuestLab]:
    program = image(request.param)
    with GuestLab(lambda: Uml(program, "uml")) as lab:
        yield lab


@pytest.fixture
def plain_guest(guest: GuestLab) -> Iterator[GuestLab]:
    """The same kernel, asked without its batching system call."""
    program = image(next(name for name in KERNELS if guest.kernel.startswith(name)))
    with GuestLab(lambda: Uml(program, "uml", batching=False)) as lab:
        yield lab
