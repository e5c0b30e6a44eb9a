"""Why a private world can not be had, and what to do about it: from facts, one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Final, NamedTuple

CAP_SYS_ADMIN: Final = 21
_SECCOMP_FILTER: Final = 2
_WHOLE_RANGE: Final = 0xFFFFFFFF


class Facts(NamedTuple):
    """What is known when a system call failed.

    call, number    the call that failed and its errno
    euid            effective user id
    capabilities    the effective set as a number
    seccomp         the mode in /proc/self/status: 2 is a filter
    nested          whether this is a user namespace other than the first one
    sysctls         name → value, of those in `SYSCTLS` that exist
    """

    call: str
    number: int
    euid: int
    capabilities: int
    seccomp: int
    nested: bool
    sysctls: dict[str, int]

    @property
    def sys_admin(self) -> bool:
        return bool(self.capabilities >> CAP_SYS_ADMIN & 1)


SYSCTLS: Final = (
    "kernel.unprivileged_userns_clone",
    "user.max_user_namespaces",
    "user.max_mnt_namespaces",
    "user.max_pid_namespaces",
    "user.max_net_namespaces",
    "kernel.apparmor_restrict_unprivileged_userns",
)


def gather(error: OSError, nested: bool) -> Facts:
    """The facts of this process after `error`. `nested` is what was true before anything was tried."""
    status = _status()
    found = {name: _sysctl(name) for name in SYSCTLS}
    return Facts(
        call=(error.strerror or "").rpartition(":")[0],
        number=error.errno or 0,
        euid=os.geteuid(),
        capabilities=int(status.get("CapEff", "0"), 16),
        seccomp=int(status.get("Seccomp", "0")),
        nested=nested,
        sysctls={name: value for name, value in found.items() if value is not None},
    )


def effective_capabilities() -> int:
    """Those of this process, as a number."""
    return int(_status().get("CapEff", "0"), 16)


def _status() -> dict[str, str]:
    with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def _sysctl(name: str) -> int | None:
    try:
        with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def in_user_namespace() -> bool:
    """Whether not every user id is mapped here, which is so in any user namespace but the first."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return [int(field) for field in file.read().split()] != [0, 0, _WHOLE_RANGE]
    except (OSError, ValueError):
        return False


def diagnose(facts: Facts) -> str:
    """One line that names the obstacle and the remedy."""
    obstacle = next((text for applies, text in _OBSTACLES if applies(facts)), None)
    return (obstacle or _UNKNOWN).format(call=facts.call or "a system call", why=os.strerror(facts.number))


def _is_zero(name: str) -> Callable[[Facts], bool]:
    return lambda facts: facts.sysctls.get(name) == 0


def _unprivileged(facts: Facts) -> bool:
    return facts.euid != 0


def _apparmor(facts: Facts) -> bool:
    return _unprivileged_outside(facts) and facts.sysctls.get(SYSCTLS[5], 0) == 1


def _unprivileged_outside(facts: Facts) -> bool:
    # AppArmor lets unshare(2) pass and takes the capabilities away, so the uid may be 0 by now.
    return not facts.nested and (facts.euid != 0 or facts.call != "unshare" or not facts.sys_admin)


_UNKNOWN: Final = "{call} failed with {why}; run as root, or see namespaces(7) for what it needs"

_OBSTACLES: Final[tuple[tuple[Callable[[Facts], bool], str], ...]] = (
    (
        lambda facts: _unprivileged(facts) and _is_zero("kernel.unprivileged_userns_clone")(facts),
        "user namespaces are for root alone here; sysctl kernel.unprivileged_userns_clone=1, or run as root",
    ),
    (
        lambda facts: not facts.sys_admin and _is_zero("user.max_user_namespaces")(facts),
        "user namespaces are switched off; sysctl user.max_user_namespaces=10000, or run as root",
    ),
    *(
        (_is_zero(name), f"{name}=0 forbids the namespaces needed; sysctl {name}=10000")
        for name in SYSCTLS[2:5]
    ),
    (
        _apparmor,
        "AppArmor keeps capabilities from user namespaces; sysctl "
        "kernel.apparmor_restrict_unprivileged_userns=0, or run as root",
    ),
    (
        lambda facts: facts.number == errno.EPERM and facts.seccomp == _SECCOMP_FILTER,
        "a seccomp filter (of a container?) refuses {call}; start the container with "
        "--security-opt seccomp=unconfined and --cap-add SYS_ADMIN, or run outside it",
    ),
    (
        lambda facts: facts.number == errno.ENOSPC,
        "namespaces are nested too deep or too many ({call}: {why}); leave the outer ones, or raise "
        "user.max_user_namespaces",
    ),
    (
        lambda facts: facts.number == errno.EPERM and facts.euid == 0 and not facts.sys_admin,
        "this root has no CAP_SYS_ADMIN; start the container with --cap-add SYS_ADMIN, or run outside it",
    ),
    (
        lambda facts: facts.number == errno.EPERM and facts.nested,
        "this user namespace may not make another one ({call}: {why}); run outside it (a chroot or a "
        "container?), or as root",
    ),
    (
        lambda facts: facts.number == errno.EINVAL and facts.call == "unshare",
        "this kernel lacks a kind of namespace; build it with CONFIG_USER_NS, PID_NS, NET_NS, IPC_NS, UTS_NS",
    ),
    (
        lambda facts: facts.number == errno.EINVAL and facts.call == "pivot_root",
        "the root directory is no mount point (a chroot or an initramfs?); run from a root that is mounted",
    ),
)
"""What applies, the surest first, and what is said then."""
