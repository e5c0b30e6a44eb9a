"""The options of a run, one definition for `dirmeta run` and plain pytest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dirmeta import labs
from dirmeta.judge.opening import UsageError, Wanted


@dataclass(frozen=True)
class Option:
    """One option: its flag, the field of `Wanted` it sets, and its help."""

    flag: str
    field: str
    help: str
    metavar: str = ""
    type: type = str
    multiple: bool = False
    is_flag: bool = False
    under_pytest: str = ""
    """Its flag there, where pytest or a well-known plugin has the plain one."""

    @property
    def pytest_flag(self) -> str:
        return self.under_pytest or self.flag


OPTIONS: Final = (
    Option("--subject", "subject", "what unpacks: reference, cmd:PROGRAM, or NAME[,option=value]", "SPEC"),
    Option("--kernel", "kernel", f"where it is mounted: {labs.spellings()}", "SPEC"),
    Option("--rules", "rules", "judge the rules that match, e.g. 'MERGE-*,UNPACK-MARK'", "GLOB[,GLOB]"),
    Option(
        "--profile",
        "profile",
        "quick (bounded, the same cases every time) or full (more, drawn anew)",
        "NAME",
    ),
    Option(
        "--expect", "expect", "hold mounts to topmost or delegate, whatever the kernel claims", "SEMANTICS"
    ),
    Option(
        "--policy",
        "policies",
        "switch a contested rule, e.g. fallback=lowest; repeatable",
        "NAME=VALUE",
        multiple=True,
    ),
    Option(
        "--strict", "strict", "a SHOULD that is missed fails", is_flag=True, under_pytest="--strict-should"
    ),
    Option("--examples", "examples", "draw at most N cases for a group of rules", "N", type=int),
    Option("--seconds", "seconds", "stop drawing after S seconds", "S", type=float),
    Option(
        "--timeout",
        "timeout",
        "give one call of the subject S seconds (default 30)",
        "S",
        type=float,
        under_pytest="--subject-timeout",
    ),
    Option(
        "--draw",
        "seed",
        "draw other cases: the number a full run prints repeats its cases",
        "NUMBER",
        type=int,
    ),
    Option("--umask", "umask", "run subjects under this umask instead of several", "OCTAL"),
    Option(
        "--backing",
        "backing",
        "file system of the layers: tmpfs, or ext4, xfs, btrfs (on a loop device, as root)",
        "NAME",
    ),
    Option(
        "--scratch", "scratch", "keep layers in this directory; its file system has to hold xattrs", "DIR"
    ),
    Option(
        "--update-expectations",
        "learning",
        "write what the subject deviates in to its file of expected deviations, and drop what is stale",
        is_flag=True,
        under_pytest="--learn-expectations",
    ),
)


def wanted(values: dict[str, Any]) -> Wanted:
    """`Wanted` from option values by field; what is None was not given.

    UsageError for a value that is empty, as an unset variable of a script gives: that is no default.
    """
    for option in OPTIONS:
        if values.get(option.field) == "":
            raise UsageError(f"{option.flag}: is empty; give {option.metavar}, or leave it out")
    given = {field: value for field, value in values.items() if value not in (None, ())}
    if "policies" in given:
        given["policies"] = tuple(given["policies"])
    return Wanted(**given)


def arguments(values: dict[str, Any]) -> list[str]:
    """The same values as pytest arguments."""
    words: list[str] = []
    for option in OPTIONS:
        value = values.get(option.field)
        if option.is_flag:
            words += [option.pytest_flag] if value else []
        elif option.multiple:
            words += [f"{option.pytest_flag}={each}" for each in value or ()]
        elif value is not None:
            words.append(f"{option.pytest_flag}={value}")
    return words
