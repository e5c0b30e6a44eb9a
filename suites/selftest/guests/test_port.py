"""Messages on a virtio port."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dirmeta.labs.base import LabError
from dirmeta.labs.native.console import Console
from dirmeta.labs.native.ear import LENGTH, Late, Lost
from dirmeta.labs.native.port import Port

PATIENCE = 20.0


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    yield made
    made.close()


@pytest.fixture
def port(console: Console) -> Iterator[Port]:
    made = Port(console)
    yield made
    made.close()


def say(port: Port, text: bytes) -> None:
    """What the agent does to answer."""
    os.write(port.theirs, LENGTH.pack(len(text)) + text)


def test_a_request_and_its_answer(port: Port) -> None:
    say(port, b"")
    port.wait(PATIENCE)
    say(port, b"answer")
    assert port.exchange(b"request", PATIENCE) == b"answer"
    assert os.read(port.theirs, 100) == LENGTH.pack(7) + b"request"


def test_an_answer_is_waited_for_to_its_end(port: Port) -> None:
    os.write(port.theirs, LENGTH.pack(4) + b"ab")
    with pytest.raises(Late):
        port.exchange(b"", 0.01)


def test_silence_is_late(port: Port) -> None:
    with pytest.raises(Late):
        port.wait(0.01)


def test_a_request_nobody_takes_is_late(port: Port) -> None:
    with pytest.raises(Late):
        port.exchange(bytes(1 << 22), 0.05)


def test_a_request_has_to_fit(port: Port) -> None:
    with pytest.raises(LabError, match="too large for a guest"):
        port.exchange(bytes((256 << 20) + 1), PATIENCE)


def test_a_guest_that_went_is_lost(port: Port) -> None:
    port.hand_over()
    with pytest.raises(Lost):
        port.wait(PATIENCE)
    with pytest.raises(Lost):
        port.exchange(b"request", PATIENCE)


def test_a_guest_that_went_without_reading_is_lost(port: Port) -> None:
    with pytest.raises(Late):
        port.exchange(b"request", 0.01)
    port.hand_over()
    with pytest.raises(Lost):
        port.wait(PATIENCE)


def test_a_panic_ends_the_wait(port: Port, console: Console) -> None:
    os.write(console.writing, b"Kernel panic - not syncing: VFS\n")
    with pytest.raises(Lost):
        port.wait(PATIENCE)
