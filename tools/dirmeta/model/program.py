"""The operations that a program is made of: names, arguments, and what is wrong with one.

A program runs on the mounted stack. Paths are relative to the mount and never followed through symlinks at
their last component; numbers are as in the system call of that name.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dirmeta.model import acl, paths
from dirmeta.model.stack import Operation

Value = str | int
MAX_ID: Final = 0xFFFF_FFFE
"""The greatest uid and gid; the one after it means none."""


class Kind(NamedTuple):
    """What an operation takes: its arguments by name and type, and others that may be left out.

    call  whether it is a system call by the program's credentials; else something done to the mount
    """

    arguments: tuple[tuple[str, type], ...]
    optional: tuple[tuple[str, type], ...] = ()
    call: bool = True


_PATH: Final = ("path", str)
_MODE: Final = ("mode", int)
_SLOT: Final = ("slot", int)

OPERATIONS: Final[dict[str, Kind]] = {
    "create": Kind((_PATH, _MODE)),
    "write": Kind((_PATH, ("content", str))),
    "read": Kind((_PATH,)),
    "access": Kind((_PATH, ("bits", int))),
    "mkdir": Kind((_PATH, _MODE)),
    "symlink": Kind((_PATH, ("target", str))),
    "link": Kind((_PATH, ("to", str))),
    "unlink": Kind((_PATH,)),
    "rmdir": Kind((_PATH,)),
    "rename": Kind((_PATH, ("to", str)), (("flags", str),)),
    "chmod": Kind((_PATH, _MODE)),
    "chown": Kind((_PATH,), (("uid", int), ("gid", int))),
    "utimens": Kind((_PATH,), (("mtime", int),)),
    "setxattr": Kind((_PATH, ("name", str), ("value", str))),
    "removexattr": Kind((_PATH, ("name", str))),
    "setacl": Kind((_PATH, ("acl", str)), (("type", str),)),
    "hold": Kind((_PATH, _SLOT)),
    "fchmod": Kind((_SLOT, _MODE)),
    "remount": Kind((), (("feature", str), ("access", str)), call=False),
    "swap": Kind((), call=False),
    "drop-caches": Kind((), call=False),
}
"""Operation → what it takes.

read        open(2) for reading; a directory is listed
access      faccessat2(2) with AT_EACCESS and AT_SYMLINK_NOFOLLOW; bits 4, 2, 1 for read, write, execute
rename      flags ``noreplace`` or ``exchange``
utimens     mtime in nanoseconds; without one the time is now, which needs less permission
setacl      an access ACL, or with type ``default`` a default one, as text
hold        open a directory and keep the descriptor, under a number; fchmod goes by it
remount     unmount and mount again with the same upper; feature ``on`` or ``off`` from then on, access
            ``ro`` or ``rw``
swap        remount with the two topmost lower layers in each other's place
drop-caches forget dentries and inodes; in guests
"""

CHANGES: Final = frozenset(OPERATIONS) - {"read", "access", "hold", "remount", "swap", "drop-caches"}
"""Operations that change something where they succeed."""
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "flags": ("noreplace", "exchange"),
    "type": ("access", "default"),
    "feature": ("on", "off"),
    "access": ("ro", "rw"),
}


_MOST: Final = {"uid": MAX_ID, "gid": MAX_ID, "slot": 1023, "bits": 7}
_NAMES: Final = ("path", "to", "target", "name")


def arguments(operation: Operation) -> dict[str, Value]:
    """The arguments by name."""
    return dict(operation.args)


def path(operation: Operation) -> str:
    """The path it is about, "" where it is about none."""
    return next((str(value) for name, value in operation.args if name == "path"), "")


def wrong(operation: Operation) -> str:
    """What makes an operation impossible, in one line, or nothing."""
    kind = OPERATIONS.get(operation.op)
    if kind is None:
        return f"there is no operation {paths.printable(operation.op)!r}; there are {', '.join(OPERATIONS)}"
    known = dict(kind.arguments + kind.optional)
    given = dict(operation.args)
    for name, _ in kind.arguments:
        if name not in given:
            return f"{operation.op} takes {_takes(kind)}; {name} is missing"
    for name, value in operation.args:
        if name not in known:
            return f"{operation.op} takes {_takes(kind)}, not {paths.printable(name)}"
        if not isinstance(value, known[name]):
            what = "a number" if known[name] is int else "text"
            return f"{operation.op}: {name} is {what}, not {paths.printable(repr(value))}"
        if why := _wrong_value(name, value):
            return f"{operation.op}: {why}"
    if operation.op in ("rename", "rmdir", "unlink") and "" in (given.get("path"), given.get("to")):
        return f"{operation.op}: the root of the mount stays where it is"
    if len(given) != len(operation.args):
        return f"{operation.op}: an argument is given twice"
    if not kind.call and operation.by != Operation("").by:
        return f"{operation.op} is done by the mounter; it takes no credentials"
    return ""


def _takes(kind: Kind) -> str:
    names = [name for name, _ in kind.arguments] + [f"[{name}]" for name, _ in kind.optional]
    return " ".join(names) or "no arguments"


def _wrong_value(name: str, value: Value) -> str:
    if isinstance(value, int):
        if name == "mode" and not 0 <= value <= 0o7777:
            return f"mode {value:o} has more than twelve bits"
        if name in _MOST and not 0 <= value <= _MOST[name]:
            return f"{name} {value} is not from 0 to {_MOST[name]}"
        return ""
    if name in WORDS and value not in WORDS[name]:
        return f"{name} is {' or '.join(WORDS[name])}, not {paths.printable(value)!r}"
    if name in _NAMES and "\0" in value:
        return f"{name} {paths.printable(value)} holds a NUL"
    if name == "target" and not value:
        return "target is empty"
    if name in _NAMES and paths.has_long_name(value):
        return f"{name} {paths.printable(value)[:20]}… has a name over {paths.NAME_MAX} bytes in it"
    if name in ("path", "to") and paths.clean(value) != value:
        return f"{name} {paths.printable(value)!r} is not a clean path like a/b"
    if name in ("path", "to") and ".." in value.split("/"):
        return f"{name} {paths.printable(value)!r} leads out of the mount"
    if name == "acl":
        try:
            acl.require_whole(acl.parse(value))
        except acl.AclError as error:
            return str(error)
    return ""
