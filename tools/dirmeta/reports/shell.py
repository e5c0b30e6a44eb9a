"""The command that does one operation of a program by hand, as whoever does it.

Coreutils where they make just that system call. Where they would do something else (mv copies where rename(2)
gives EXDEV, and 9.1 knows no exchange; mkdir sets the mode that a default ACL has narrowed; no program opens
a new file with any mode, or asks for two permissions at once) it is a call from Python.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Final

from dirmeta.model import overlayfs, paths, spelling
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Credentials
from dirmeta.observe.steps import Operate
from dirmeta.reports.shell_layout import printed, setting
from dirmeta.sandbox.credentials import CAPABILITIES, capability

CALLS: Final = 'python3 -c "$call"'
CALL: Final = """\
# System calls that no program of coreutils makes just so: python3 -c "$call" NAME PATH …
call='
import ctypes, os, sys

def create(path, mode):
    os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, int(mode, 8))

def mkdir(path, mode):
    os.mkdir(path, int(mode, 8))

def access(path, bits):
    if not os.access(path, int(bits), effective_ids=True):
        raise OSError(0, "refused")

def rename(path, to, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(path), -100, os.fsencode(to), int(flags)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

name, *args = sys.argv[1:]
try:
    globals()[name](*args)
except OSError as error:
    sys.exit(f"{name}: {error.strerror}")
'
"""
_RENAME_FLAGS: Final = {"": 0, "noreplace": 1, "exchange": 2}
_TEST: Final = {0: "-e", 4: "-r", 2: "-w", 1: "-x"}
_DESCRIPTORS: Final = range(3, 10)
"""Numbers that every sh can open."""


class ScriptError(ValueError):
    """A case that sh can not do, in one line."""


class Commands:
    """Commands of one script, and which of its descriptors are held for whom."""

    def __init__(self) -> None:
        self._held: dict[tuple[Credentials, int], int] = {}

    def doing(self, step: Operate, state: State) -> Iterator[str]:
        """The lines that do a system call and tell what came of it; `state` is what it meets."""
        if step.call == "drop-caches":
            yield "echo 2 > /proc/sys/vm/drop_caches"
            return
        if step.call == "hold":
            yield self._hold(step)
        elif step.call == "fchmod":
            yield self._fchmod(step)
        elif step.call == "write":
            yield f"{printed(spelling.to_bytes(str(step.args[0])))} | {acting(step.by)}{_write(step)}"
        elif step.call == "create" and _is_plain(step, state):
            umask = 0o666 & ~int(step.args[0])
            yield f"(umask {umask:03o}; {acting(step.by)}touch {_path(step)})"
        elif step.call in _BY_WHAT_IS_THERE:
            yield acting(step.by) + _BY_WHAT_IS_THERE[step.call](step, state)
        else:
            yield acting(step.by) + _COMMANDS[step.call](step)
        yield "told"

    def told_of_held(self, step: Operate) -> str:
        """The command that says what fstat(2) does of a descriptor that is held."""
        return f"stat -L -c 'held  %04a %u:%g %y' /proc/self/fd/{self._held[step.by, int(step.args[0])]}"

    def closed(self) -> Iterator[str]:
        """Lets go of all that is held."""
        for number in self._held.values():
            yield f"exec {number}<&-"
        self._held.clear()

    def _hold(self, step: Operate) -> str:
        """Opened by the script itself, once it is known that who asks for it may."""
        key, where = (step.by, int(step.args[0])), _path(step)
        free = (number for number in _DESCRIPTORS if number not in self._held.values())
        number = self._held.get(key) or next(free, 0)
        if not number:
            raise ScriptError(f"sh holds {len(_DESCRIPTORS)} descriptors at once, and here are more")
        self._held[key] = number
        asked = f"{acting(step.by)}test -d {where} -a ! -L {where} -a -r {where}"
        return f"{asked} && command exec {number}< {where}"

    def _fchmod(self, step: Operate) -> str:
        slot, mode = map(int, step.args)
        number = self._held.get((step.by, slot))
        if number is None:
            return f"false  # nothing is held under {slot}"
        return f"{acting(step.by)}chmod {mode:05o} /proc/self/fd/{number}"


def acting(who: Credentials) -> str:
    """What stands before a command of somebody's."""
    words, groups = [], [str(gid) for gid in who.groups if gid != who.gid]
    if (who.uid, who.gid) != (0, 0) or groups:
        in_them = f"--groups={','.join(groups)}" if groups else "--clear-groups"
        words += [f"--reuid={who.uid}", f"--regid={who.gid}", in_them]
    if who.drop:
        lost = ",".join(f"-{CAPABILITIES[capability(name)]}" for name in who.drop)
        words += [f"--inh-caps={lost}", f"--bounding-set={lost}"]
    return f"setpriv {' '.join(words)} " if words else ""


def _path(step: Operate) -> str:
    return shlex.quote(step.path)


def _called(step: Operate, *args: object) -> str:
    return " ".join((CALLS, step.call, _path(step), *map(str, args)))


def _shown(path: str) -> str:
    """The path in the mount of what a step has as ``m/a``."""
    return path.partition("/")[2]


def _is_plain(step: Operate, state: State) -> bool:
    """Whether touch makes that file: it is new, and no default ACL takes the place of the umask."""
    is_new = state.mounted.shows(_shown(step.path)) is None
    return is_new and not _inherits(step, state) and not int(step.args[0]) & ~0o666


def _inherits(step: Operate, state: State) -> bool:
    """Whether a default ACL has a say in the mode of what is made."""
    above = state.mounted.shows(paths.parent(_shown(step.path)))
    return above is not None and above.xattr(overlayfs.ACL_DEFAULT) is not None


def _write(step: Operate) -> str:
    return f"dd of={_path(step)} conv=nocreat oflag=nofollow,nonblock status=none"


def _read(step: Operate, state: State) -> str:
    node = state.mounted.shows(_shown(step.path))
    command = "ls -A" if node is not None and node.kind == "directory" else "head -c 1"
    return f"{command} {_path(step)} > /dev/null"


def _rename(step: Operate, state: State) -> str:
    to, *flags = map(str, step.args)
    node = state.mounted.shows(_shown(step.path))
    if node is not None and node.kind != "directory" and not node.link and not flags and to != step.path:
        return f"mv -fT {_path(step)} {shlex.quote(to)}"
    return _called(step, shlex.quote(to), _RENAME_FLAGS[flags[0] if flags else ""])


def _mkdir(step: Operate, state: State) -> str:
    """mkdir sees to it that the mode is as it was asked for: it sets what a default ACL has left out."""
    mode = int(step.args[0])
    if mode & ~0o777 or _inherits(step, state):
        return _called(step, f"{mode:04o}")
    return f"mkdir -m {mode:04o} {_path(step)}"


def _create(step: Operate) -> str:
    return _called(step, f"{int(step.args[0]):04o}")


def _access(step: Operate) -> str:
    bits = int(step.args[0])
    return f"test {_TEST[bits]} {_path(step)}" if bits in _TEST else _called(step, bits)


def _chown(step: Operate) -> str:
    uid, gid = (f"+{number}" if number >= 0 else "" for number in map(int, step.args))
    return f"chown -h {uid}{f':{gid}' if gid or not uid else ''} {_path(step)}"


def _utimens(step: Operate) -> str:
    when = f"-d @{spelling.seconds_text(int(step.args[1]))} " if step.args else ""
    return f"touch -h {when}{_path(step)}"


def _setxattr(step: Operate) -> str:
    name, value = str(step.args[0]), step.args[1]
    data = value if isinstance(value, bytes) else spelling.to_bytes(str(value))
    return setting(name, data, _path(step))


_BY_WHAT_IS_THERE: Final[dict[str, Callable[[Operate, State], str]]] = {
    "mkdir": _mkdir,
    "read": _read,
    "rename": _rename,
}
_COMMANDS: Final[dict[str, Callable[[Operate], str]]] = {
    "create": _create,
    "access": _access,
    "chown": _chown,
    "utimens": _utimens,
    "setxattr": _setxattr,
    "chmod": lambda step: f"chmod {int(step.args[0]):05o} {_path(step)}",
    "symlink": lambda step: f"ln -sT -- {shlex.quote(str(step.args[0]))} {_path(step)}",
    "link": lambda step: f"ln -PT {_path(step)} {shlex.quote(str(step.args[0]))}",
    "unlink": lambda step: f"unlink {_path(step)}",
    "rmdir": lambda step: f"rmdir {_path(step)}",
    "removexattr": lambda step: f"setfattr -h -x {shlex.quote(str(step.args[0]))} {_path(step)}",
}
