"""Binding a directory with its ids mapped (mount_setattr(2), MOUNT_ATTR_IDMAP)."""

from __future__ import annotations

import os
import signal

from dirmeta.observe.steps import IdMap
from dirmeta.sandbox import namespace, syscalls


def idmapped(step: IdMap) -> None:
    """Do the step; names are relative to the working directory."""
    namespace.assert_private()
    os.makedirs(step.at, 0o755, exist_ok=True)
    mapping = _user_namespace(step.first, step.ids)
    try:
        tree = syscalls.open_tree(step.source)
        try:
            syscalls.mount_setattr(tree, add=syscalls.MOUNT_ATTR_IDMAP, userns=mapping)
            syscalls.move_mount(tree, step.at)
        finally:
            os.close(tree)
    finally:
        os.close(mapping)


def _user_namespace(first: int, count: int) -> int:
    """A descriptor of a new user namespace in which id 0 is `first` outside, and so on."""
    ready, set_ready = os.pipe()
    holder = os.fork()
    if not holder:
        _hold(set_ready)
    os.close(set_ready)
    try:
        with os.fdopen(ready, "rb") as pipe:
            if number := int(pipe.read() or b"0"):
                raise OSError(number, f"unshare for the id map: {os.strerror(number)}")
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{holder}/{name}", "w", encoding="ascii") as file:
                file.write(f"0 {first} {count}")
        return os.open(f"/proc/{holder}/ns/user", os.O_RDONLY)
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)


def _hold(set_ready: int) -> None:
    """In the child: be in a new user namespace until killed."""
    try:
        namespace.die_with_parent()
        syscalls.unshare(syscalls.CLONE_NEWUSER)
    except OSError as error:
        os.write(set_ready, b"%d" % (error.errno or 0))
    finally:
        os.close(set_ready)
        signal.pause()
        os._exit(0)
