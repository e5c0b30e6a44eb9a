"""What the kernel says of a mount."""

from __future__ import annotations

import errno
import os
import re


def shown_options(at: str) -> list[str]:
    """The options of the file system that was mounted last on `at`, as /proc/self/mountinfo has them.

    Each is ``name`` or ``name=value``. OSError where nothing is mounted there.
    """
    place = os.path.realpath(at)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        rows = [line.split() for line in lines]
    found = [row[-1] for row in rows if _plain(row[4]) == place]
    if not found:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), at)
    return found[-1].split(",")


def _plain(word: str) -> str:
    """A path without the escapes of mountinfo, which are octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)
