"""What unpacks: the reference, any program as ``cmd:PROGRAM``, and real tools.

Adding one is a file and a row in `SUBJECTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from dirmeta.subjects.base import TIMEOUT, Subject, SubjectError, UnknownSubject

__all__ = ["SUBJECTS", "TIMEOUT", "Row", "Subject", "SubjectError", "UnknownSubject", "subject"]

# Imports are in the functions: a lab imports this package to unpickle a subject, and has to start quickly.


def _reference(timeout: float) -> Subject:
    from dirmeta.subjects.reference import Reference  # noqa: PLC0415

    return Reference()


def _command(timeout: float, program: str) -> Subject:
    from dirmeta.subjects.command import command  # noqa: PLC0415

    return command(program, timeout)


def _tar_tool(name: str, timeout: float, path: str = "") -> Subject:
    from dirmeta.subjects.tartool import tar_tool  # noqa: PLC0415

    return tar_tool(name, timeout, path)


def _containers_storage(timeout: float, driver: str = "overlay") -> Subject:
    from dirmeta.subjects.containersstorage import containers_storage  # noqa: PLC0415

    return containers_storage(driver, timeout)


class Row(NamedTuple):
    """How a subject is made: from the seconds that a layer may take, and its options as text.

    spelled  how it is asked for
    """

    make: Callable[..., Subject]
    spelled: str
    options: tuple[str, ...] = ()


ELSEWHERE: Final = "; `dirmeta compare` has those that take whole images"

SUBJECTS: Final[dict[str, Row]] = {
    "reference": Row(_reference, "reference"),
    "cmd": Row(_command, "cmd:PROGRAM", ("program",)),
    **{
        name: Row(partial(_tar_tool, name), name, ("path",))
        for name in ("tar", "bsdtar", "busybox", "tarfile", "libarchive-c")
    },
    "containers-storage+dirmeta": Row(_containers_storage, "containers-storage+dirmeta", ("driver",)),
}


def subject(spec: str, *, timeout: float = TIMEOUT) -> Subject:
    """The subject of ``NAME[,option=value…]`` or ``cmd:PROGRAM``. Raises SubjectError or UnknownSubject.

    timeout: seconds a layer, for subjects that run a program.
    """
    name, colon, program = spec.partition(":")
    if name == "cmd" and colon:
        return SUBJECTS[name].make(timeout, program=program)
    name, *settings = spec.split(",")
    if name not in SUBJECTS or name == "cmd":
        there_are = ", ".join(row.spelled for row in SUBJECTS.values())
        raise UnknownSubject(f"{spec}: there is no such subject; there are {there_are}{ELSEWHERE}")
    row = SUBJECTS[name]
    return row.make(timeout, **_options(name, settings, row.options))


def _options(name: str, settings: list[str], known: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for setting in settings:
        option, equals, value = setting.partition("=")
        if not equals or option not in known:
            takes = "takes " + ", ".join(f"{each}=…" for each in known) if known else "takes no options"
            raise UnknownSubject(f"{name}: {setting!r} is no option of it; it {takes}")
        options[option] = value
    return options
