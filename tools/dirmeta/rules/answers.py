"""What an operation on a mount is answered, and which rule another answer breaks."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

from dirmeta.model import paths, program
from dirmeta.model.stack import Operation
from dirmeta.model.writer import Expected
from dirmeta.rules.findings import Finding
from dirmeta.rules.operated import Stepped

_BY_PERMISSION: Final = {
    errno.EACCES: ("ACCESS-MOVE", "ACCESS-OWNER", "ACCESS-ACL", "ACCESS-DAC"),
    errno.EPERM: ("ACCESS-STICKY", "ACCESS-OWNER"),
}
_BY_CALL: Final = {
    "rename": "COPYUP-RENAME",
    "rmdir": "COPYUP-RECREATE",
    "mkdir": "COPYUP-RECREATE",
    "setxattr": "COPYUP-CHANGE",
    "removexattr": "COPYUP-CHANGE",
    "setacl": "COPYUP-CHANGE",
    "chmod": "COPYUP-CHANGE",
    "fchmod": "COPYUP-CHANGE",
    "chown": "COPYUP-CHANGE",
    "utimens": "COPYUP-CHANGE",
}
UNTOUCHED: Final = "COPYUP-PRESERVE"
"""The rule of what an operation is not about."""

Broken = tuple[tuple[str, ...], Finding]
"""Rules, and what breaks each of them."""


def answer(step: Stepped, expected: Expected) -> Broken:
    """Another errno than expected, and the rules that say which."""
    number, saw = expected.number or 0, step.seen.number
    rules = expected.rules if number else _denying(step, expected, saw)
    if _was_changed(step) and rules and rules[0].startswith("ACCESS-"):
        rules = (*rules, "COPYUP-CHANGE")
    where = program.path(step.operation)
    return rules or (by_call(step),), Finding("", where, name(number), name(saw))


def _denying(step: Stepped, expected: Expected, saw: int) -> tuple[str, ...]:
    """The rules that what was refused follows from."""
    wanted = _BY_PERMISSION.get(saw, ())
    return tuple(rule for rule in wanted if rule in expected.relied) or (by_call(step),)


def by_call(step: Stepped) -> str:
    if is_about_upper_mark(step, program.path(step.operation)):
        return "COPYUP-UPPERMARK"
    return _BY_CALL.get(step.operation.op, UNTOUCHED)


def _was_changed(step: Stepped) -> bool:
    """Whether the permissions of something on the way were changed in this mount."""
    about = set(named(step.operation))
    about |= {up for path in about for up in (*paths.ancestors(path), paths.ROOT)}
    return not about.isdisjoint(step.before.changed)


def named(operation: Operation) -> Iterator[str]:
    return (str(value) for key, value in operation.args if key in ("path", "to"))


def name(number: int) -> str:
    return errno.errorcode.get(number, str(number)) if number else "success"


def is_about_upper_mark(step: Stepped, path: str) -> bool:
    return step.before.mounted.is_marked_upper(path)
