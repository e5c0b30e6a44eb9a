"""What of the machine an engine gets to see in another form."""

from __future__ import annotations

import os
import stat
from typing import Final

from dirmeta.sandbox import namespace, syscalls

IDS: Final = 65536
_FUSE: Final = "/dev/fuse"


def writable_etc(home: str) -> None:
    """Let /etc be written: what is written stays in `home`."""
    namespace.assert_private()
    upper, work = f"{home}/etc", f"{home}/etc.work"
    os.mkdir(upper)
    os.mkdir(work)
    syscalls.mount("etc", "/etc", "overlay", 0, f"lowerdir=/etc,upperdir={upper},workdir={work}")


def user_with_ids(home: str, name: str, first: int) -> None:
    """Give a user `IDS` subordinate ids from `first` on, and everybody the use of FUSE."""
    writable_etc(home)
    for file in ("/etc/subuid", "/etc/subgid"):
        with open(file, "w", encoding="utf-8") as lines:
            lines.write(f"{name}:{first}:{IDS}\n")
    node = f"{home}/fuse"
    os.mknod(node, stat.S_IFCHR | 0o666, os.stat(_FUSE).st_rdev)
    os.chmod(node, 0o666)
    syscalls.mount(node, _FUSE, None, syscalls.MS_BIND)
