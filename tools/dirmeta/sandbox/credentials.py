"""Becoming somebody else, for good: what a forked child does before it acts for a user."""

from __future__ import annotations

import os
from typing import Final

from dirmeta.model.stack import Credentials
from dirmeta.sandbox import syscalls

CAPABILITIES: Final = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)  # fmt: skip
"""In the order of linux/capability.h."""


def capability(name: str) -> int:
    """The number of ``CAP_FOWNER``, also written ``fowner``."""
    return CAPABILITIES.index(name.lower().removeprefix("cap_"))


def become(who: Credentials) -> None:
    """Take on ids, groups and what is left of the capabilities; OSError where that can not be done."""
    set_groups(tuple(gid for gid in who.groups if gid != who.gid))
    os.setresgid(who.gid, who.gid, who.gid)
    if who.drop:
        syscalls.drop_capabilities(frozenset(map(capability, who.drop)))
    os.setresuid(who.uid, who.uid, who.uid)


def set_groups(groups: tuple[int, ...]) -> None:
    """setgroups(2), where there is something to set or it is allowed."""
    try:
        os.setgroups(groups)
    except PermissionError:
        if groups:  # a user namespace that denies setgroups has no other groups to lose
            raise
