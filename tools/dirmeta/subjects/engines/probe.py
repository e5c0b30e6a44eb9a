"""Finding an engine's program, and whether it is new enough."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import Final, NamedTuple

from dirmeta.subjects.engines.base import NotInstalled
from dirmeta.subjects.engines.process import found, search_path

_TIMEOUT: Final = 10.0


class Found(NamedTuple):
    """A program and its version."""

    path: str
    version: str


@dataclass(frozen=True)
class Probe:
    """How a program is found.

    program    its name in PATH
    package    the Debian package that has it
    arguments  that make it say its version; none where it can not: then the package says it
    version    a pattern with the version in a group
    oldest     version that works; "" for any
    """

    program: str
    package: str
    arguments: tuple[str, ...] = ()
    version: str = ""
    oldest: str = ""

    def look(self) -> Found:
        """Raises NotInstalled where it is missing or too old."""
        path = found(self.program)
        if not path:
            raise NotInstalled(f"{self.program} is not installed; apt-get install {self.package}")
        version = self._said(path) if self.arguments else _of_package(self.package)
        if _numbers(version) < _numbers(self.oldest):
            raise NotInstalled(
                f"{path} is {version}, which is too old: {self.oldest} or later is needed; "
                f"apt-get install {self.package}"
            )
        return Found(path, version)

    def _said(self, path: str) -> str:
        try:
            said = _output(path, *self.arguments)
        except OSError as why:
            raise NotInstalled(
                f"{path} does not run: {why.strerror}; apt-get install --reinstall {self.package}"
            ) from None
        except subprocess.TimeoutExpired:
            raise NotInstalled(
                f"{path} does not say its version in {_TIMEOUT:g} s; "
                f"apt-get install --reinstall {self.package}"
            ) from None
        version = re.search(self.version, said)
        if version is None:
            raise NotInstalled(f"{path} does not say its version; apt-get install --reinstall {self.package}")
        return version[1]


def _of_package(package: str) -> str:
    """The version of an installed Debian package; "" where that can not be told."""
    try:
        return _output("dpkg-query", "--showformat=${Version}", "--show", package)
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _output(*argv: str) -> str:
    ended = subprocess.run(
        argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False, stdin=subprocess.DEVNULL,
        env={"PATH": search_path(), "HOME": "/nonexistent"},
    )  # fmt: skip
    return ended.stdout + ended.stderr


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers: 4.3.1+ds1 is (4, 3, 1)."""
    leading = re.match(r"[\d.]*", version)
    return tuple(int(part) for part in leading[0].split(".") if part) if leading else ()
