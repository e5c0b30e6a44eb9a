"""Compiling Go programs offline, from the libraries that Debian has as packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dirmeta.kernels.process import Listener, no_space, require, run
from dirmeta.subjects.base import SubjectError

LIBRARIES: Final = Path("/usr/share/gocode")
"""Where Debian has them, as a GOPATH."""

_PROGRAMS: Final = {"go": "golang-go", "gcc": "gcc", "patch": "patch", "setpriv": "util-linux"}
_ERROR: Final = re.compile(r"^\S+\.go:\d+|: cannot find package|^go: ")
_FOREIGN: Final = re.compile("GO[A-Z0-9]*|CGO_.*")
"""Variables of the environment that are about builds of somebody else."""


def require_packages(libraries: Mapping[str, str], doing: str) -> None:
    """See that Go and libraries are installed. `libraries`: import path → the Debian package that has it.

    Raises KernelError that names all that are missing, with the line that installs them.
    """
    lacking = {path: package for path, package in libraries.items() if not source(path).is_dir()}
    require(_PROGRAMS | lacking, doing)


def source(path: str) -> Path:
    """Where Debian's packages have the library of an import path."""
    return LIBRARIES / "src" / path


def identity() -> str:
    """Different for each compiler and each set of libraries."""
    compiler = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout
    packages = subprocess.run(
        ["dpkg-query", "--show", "golang-*-dev"], capture_output=True, text=True, check=False
    ).stdout
    return compiler + packages


def version(package: str) -> str:
    """The version of an installed Debian package, "" where dpkg has none."""
    asked = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def compile_to(
    path: Path, package: str, *, scratch: Path, cache: Path, tags: Sequence[str], listen: Listener
) -> None:
    """Compile the main package of an import path to the program `path`.

    scratch  has what `library` gave; for what the compiler leaves, too
    cache    keeps what is compiled
    Raises SubjectError with what the compiler complained about first.
    """
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    env = {
        **kept, "GO111MODULE": "off", "GOPATH": f"{scratch}:{LIBRARIES}", "GOCACHE": str(cache),
        "GOTMPDIR": str(scratch), "GOTOOLCHAIN": "local",
    }  # fmt: skip
    said: list[str] = []

    def told(line: str) -> None:
        said.append(line)
        listen(f"compiling: {line}")

    words = ["nice", "go", "build", "-v", "-p", "2", "-trimpath", "-tags", " ".join(tags), "-o", str(path)]
    if run([*words, package], told, env):
        if any("no space left" in line for line in said):
            raise no_space(cache, package)
        complaint = next((line for line in said if _ERROR.search(line)), "; ".join(said[-1:]))
        raise SubjectError(f"{package}: go build: {complaint or 'no reason given'}")


def library(path: str, scratch: Path) -> Path:
    """A copy of a library, in `scratch`, that is compiled instead of Debian's; its directory."""
    there = scratch / "src" / path
    shutil.copytree(source(path), there, symlinks=True)
    return there
