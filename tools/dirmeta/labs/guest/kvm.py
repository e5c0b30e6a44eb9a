"""Whether KVM runs a guest here. /dev/kvm alone says little: there are hosts whose guests hang on it."""

from __future__ import annotations

import os
import select
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Final

from dirmeta.sandbox.worker import Worker, WorkerError

DEVICE: Final = "/dev/kvm"
HANG: Final = f"guests hang on {DEVICE}"
TIMEOUT: Final = 5.0
"""Seconds for a kernel to say its first words; where KVM works it takes one."""
_FIRST_WORDS: Final = b"Linux version "
_MACHINE: Final = (
    "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-no-user-config", "-display", "none",
    "-no-reboot", "-serial", "stdio",
    "-append", "console=ttyS0 earlyprintk=serial,ttyS0,115200 panic=-1",
)  # fmt: skip


@cache
def obstacle(qemu: str, image: Path, device: str = DEVICE) -> str:
    """Why a guest can not run on KVM here, in words; "" where it can.

    The image itself is started, with nothing to boot from: it says its first words, and ends.
    Asked once in a process.
    """
    if not os.path.exists(device):
        return f"there is no {device}"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"{device} can not be opened"
    try:
        with Worker() as world:  # so that a guest that hangs ends with us
            return world.call(listen, [qemu, *_MACHINE, "-kernel", str(image)], TIMEOUT)
    except WorkerError as error:
        return str(error)


def listen(command: list[str], timeout: float) -> str:
    """Start a guest, wait for its first words, and end it. Why it did not say them; "" where it did."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as guest:
        try:
            return _heard(guest, time.monotonic() + timeout)
        finally:
            guest.kill()


def _heard(guest: subprocess.Popen[bytes], deadline: float) -> str:
    assert guest.stdout is not None
    said = b""
    while _FIRST_WORDS not in said:
        if not select.select([guest.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return HANG
        more = os.read(guest.stdout.fileno(), 1 << 16)
        if not more:
            return f"QEMU fails with {DEVICE}"
        said += more
    return ""
