"""The mount namespace that a confined program sees."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from dirmeta.sandbox import namespace, readonly, syscalls

_TEMPORARY: Final = "mode=1777,size=64m,nr_inodes=16384"
_PLACES: Final = ("/tmp", "/var/tmp")
_SHEBANG_MAX: Final = 256


def confine(writable: Sequence[str], program: str, arguments: Sequence[str]) -> dict[str, str]:
    """Make this process's mounts its own and read-only but for `writable`, with private /tmp and /var/tmp.

    A program or an argument that lies in /tmp stays to be seen: then the private tmpfs lies elsewhere.
    Returns the environment variables that say where.
    """
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC)
    readonly.make_readonly()
    for directory in writable:
        readonly.make_writable(directory)
    namespace.mount_proc()
    needed = (*writable, *_needed(program, arguments))
    free = [place for place in _PLACES if _can_be_covered(place, needed)]
    for place in free:
        syscalls.mount("tmp", place, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, _TEMPORARY)
    if "/tmp" in free:
        return {"TMPDIR": "/tmp"}
    return {"TMPDIR": free[0]} if free else {}


def _can_be_covered(place: str, needed: Sequence[str]) -> bool:
    plain = os.path.isdir(place) and not os.path.islink(place)
    return plain and not any(path == place or path.startswith(place + "/") for path in needed)


def _needed(program: str, arguments: Sequence[str]) -> list[str]:
    """Paths that are named, where their links lead, and the interpreter of a script."""
    named = [word for word in (program, *arguments) if word.startswith("/")]
    return [*named, *map(os.path.realpath, named), *map(os.path.realpath, _interpreter(program))]


def _interpreter(program: str) -> list[str]:
    try:
        with open(program, "rb") as file:
            first = file.read(_SHEBANG_MAX).partition(b"\n")[0]
    except OSError:
        return []
    return [os.fsdecode(word) for word in first[2:].split()[:2]] if first.startswith(b"#!") else []
