"""Turning a fresh process into the inside of a private world, where it may mount and break things.

The root is built as bubblewrap builds it: a tmpfs that becomes the root by pivot_root(2), with every
top-level name of the old root bound into it. All of it is read-only but the scratch directory, which
exists here alone, and what the caller asks for. So the host's directories cannot be touched, and
nothing is left when the last process is gone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Final, NoReturn

from dirmeta.sandbox import diagnosis, readonly, syscalls
from dirmeta.sandbox.credentials import set_groups
from dirmeta.sandbox.errors import Obstacle
from dirmeta.sandbox.syscalls import MNT_DETACH, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC

_MOUNT_NAMESPACE: Final = "/proc/self/ns/mnt"
_OLD_ROOT: Final = ".old-root"

_FIRST_OF_OTHERS: Final = 3
"""Descriptor after stdin, stdout and stderr."""
SIGNALLED: Final = 128
"""Added to the number of the signal that ended the inside, as shells do."""

_outside: tuple[int, int] | None = None
"""The mount namespace of the process that started us; None until `enter`."""


class NamespaceError(Obstacle):
    """A private world that can not be had; the text is one line that ends in the remedy."""


def enter(writable: Sequence[str] = ()) -> str:
    """Go on in a new process: pid 1 of a world of its own. Returns the scratch directory.

    writable  directories of the host that can be written from inside
    The caller must have a single thread. Whoever started it sees it end when the inside ends, and
    everything inside is killed when the starter dies. Raises NamespaceError.
    """
    global _outside  # noqa: PLW0603  a fact of the process, as its namespace is
    if len(os.listdir("/proc/self/task")) != 1:
        raise NamespaceError("a process with threads can not enter a private world; start a fresh one")
    nested = diagnosis.in_user_namespace()
    _outside = _mount_namespace()
    try:
        die_with_parent()
        _unshare()
        _go_on_as_init()
        die_with_parent()
        return _build_root(writable)
    except OSError as error:
        raise NamespaceError(diagnosis.diagnose(diagnosis.gather(error, nested))) from error


def assert_private() -> None:
    """Refuse to go on where a mount would be seen by the process that started us."""
    if _outside is None or _mount_namespace() == _outside:
        raise NamespaceError("refusing to mount outside a private mount namespace; use a lab or a Worker")


def die_with_parent() -> None:
    """Be killed when the parent process dies."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)


def _mount_namespace() -> tuple[int, int]:
    found = os.stat(_MOUNT_NAMESPACE)
    return found.st_dev, found.st_ino


def _unshare() -> None:
    kinds = (
        syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID | syscalls.CLONE_NEWIPC
        | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWUTS
    )  # fmt: skip
    if os.geteuid() == 0:
        try:
            syscalls.unshare(kinds)
        except PermissionError:
            if os.getuid() != 0:
                raise
        else:
            set_groups(())
            return
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(kinds | syscalls.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _go_on_as_init() -> None:
    """Return in the child, which is pid 1; this process only waits for it and ends as it ends."""
    child = os.fork()
    if child:
        _end_like(child)


def _end_like(child: int) -> NoReturn:
    # Pipes of the child must not stay open here, or nobody would notice that it has let go of them.
    os.closerange(_FIRST_OF_OTHERS, os.sysconf("SC_OPEN_MAX"))
    code = 1
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        os._exit(code if code >= 0 else SIGNALLED - code)


def _build_root(writable: Sequence[str]) -> str:
    syscalls.mount("none", "/", None, MS_REC | MS_PRIVATE)
    base = "/tmp" if os.path.isdir("/tmp") else "/proc"  # any directory that exists will do
    writable = [os.path.realpath(directory) for directory in writable]
    syscalls.mount("dirmeta", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    os.mkdir(f"{base}/{_OLD_ROOT}")
    os.chdir(base)
    syscalls.pivot_root(".", _OLD_ROOT)
    os.chdir("/")
    names = os.listdir(_OLD_ROOT)
    for name in names:
        _bind(f"/{_OLD_ROOT}/{name}", f"/{name}")
    syscalls.umount(f"/{_OLD_ROOT}", MNT_DETACH)
    os.rmdir(f"/{_OLD_ROOT}")
    scratch = "/" + _free_name(names)
    os.mkdir(scratch)
    readonly.make_readonly()
    for directory in writable:
        readonly.make_writable(directory)
    syscalls.mount("dirmeta", scratch, "tmpfs", MS_NOSUID, "mode=0755")
    mount_proc()
    return scratch


def _bind(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    syscalls.mount(source, target, None, MS_BIND | MS_REC)


def _free_name(taken: Sequence[str]) -> str:
    name = "dirmeta"
    while name in taken:
        name += "_"
    return name


def mount_proc() -> None:
    """Show this pid namespace in /proc. Where that is refused (parts of /proc are covered, as in a
    container) the old one stays, which is as good for what a process asks about itself."""
    try:
        syscalls.mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except PermissionError:
        return
