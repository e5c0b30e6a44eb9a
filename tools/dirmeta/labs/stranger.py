"""A mount made by someone to whom the layers' owners mean nothing: root of a user namespace of one id."""

from __future__ import annotations

import os
from typing import Final

from dirmeta.labs import mounts
from dirmeta.observe.forks import Fork
from dirmeta.observe.steps import AskAsStranger, Outcome
from dirmeta.sandbox import syscalls

_OWN_ID_ONLY: Final = "0 0 1"


def ask(step: AskAsStranger) -> Outcome:
    """Mount in a namespace of its own and look at one path there. Raises OSError where it can not."""
    fork = Fork(_become_a_stranger, _mount_and_look)
    try:
        fork.ask(step)
        return fork.answer()
    finally:
        fork.close()


def _become_a_stranger() -> None:
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
    for name, text in (("setgroups", "deny"), ("uid_map", _OWN_ID_ONLY), ("gid_map", _OWN_ID_ONLY)):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _mount_and_look(step: AskAsStranger) -> Outcome:
    mounts.overlay(step.mount)
    try:
        found = os.lstat(step.path)
    except OSError as error:
        return Outcome(error.errno or 0)
    return Outcome(0, (f"{found.st_mode & 0o7777:04o}", str(found.st_mtime_ns)))
