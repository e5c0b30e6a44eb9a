"""What overlayfs writes to the kernel log."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

_RECORD_MAX: Final = 1 << 13
_PREFIX: Final = "overlayfs: "


class KernelLog:
    """/dev/kmsg from a moment on. The log is the kernel's: what other processes cause is in it too."""

    def __init__(self) -> None:
        self._fd = -1
        try:
            self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            self.begin()
            self._read()
        except OSError:  # dmesg_restrict, or no /dev/kmsg in a container
            self.close()

    @property
    def readable(self) -> bool:
        return self._fd >= 0

    def begin(self) -> None:
        """Forget what has been logged so far."""
        if self.readable:
            os.lseek(self._fd, 0, os.SEEK_END)

    def lines(self) -> list[str] | None:
        """The messages of overlayfs since `begin`, None where the log can not be read."""
        if not self.readable:
            return None
        return overlayfs_lines(self._read())

    def _read(self) -> list[str]:
        records: list[str] = []
        while True:
            try:
                records.append(os.read(self._fd, _RECORD_MAX).decode(errors="replace"))
            except BlockingIOError:
                return records
            except BrokenPipeError:  # older records were overwritten; go on with those that are left
                continue

    def close(self) -> None:
        if self.readable:
            os.close(self._fd)
            self._fd = -1


def overlayfs_lines(records: Iterable[str]) -> list[str]:
    """The messages of overlayfs among records as /dev/kmsg gives them."""
    lines = (record.partition(";")[2].partition("\n")[0] for record in records)
    return [line for line in lines if line.startswith(_PREFIX)]
