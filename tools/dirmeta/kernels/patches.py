"""Patches: the suite's own, a user's, and what comes of applying them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dirmeta import locations
from dirmeta.kernels.errors import KernelError, KernelUsageError

_PATH: Final = re.compile(rb"^(?:(?:---|\+\+\+) [^/\s]+/|rename (?:from|to) )([^\t\n]+)", re.MULTILINE)
_HUNK: Final = re.compile(r"Hunk #(\d+) (?:FAILED|ignored) at \d+")
_NUMBERED: Final = re.compile(r"dirmeta-(\d+)\.(\d+)\.patch")


@dataclass(frozen=True)
class Patch:
    """A patch to be applied with -p1. Equal where name and text are."""

    name: str
    text: bytes

    @property
    def paths(self) -> frozenset[str]:
        """The files it may touch, relative to the root of the source."""
        named = (os.fsdecode(path) for path in _PATH.findall(self.text))
        return frozenset(path for path in named if ".." not in Path(path).parts)


def folder() -> Path:
    """Where the suite's own patches and configuration fragments are."""
    return locations.fixtures() / "kernels"


def read_patch(file: str) -> Patch:
    """A user's patch. Raises KernelUsageError where it can not be read or changes no file."""
    try:
        patch = Patch(Path(file).name, Path(file).read_bytes())
    except OSError as error:
        raise KernelUsageError(f"{file}: {error.strerror}") from None
    if not patch.paths:
        raise KernelUsageError(
            f"{file}: is no patch: it names no file to be changed, as in `+++ b/fs/file.c`"
        )
    return patch


def reference_lines() -> list[str]:
    """The version lines that have a reference patch, oldest first."""
    return [".".join(map(str, line)) for line in sorted(_reference_numbers())]


def reference_patch(line: str) -> Patch:
    """The reference patch for a version line: its own, else that of the nearest older one of the same major.

    Raises KernelUsageError where there is none.
    """
    number = tuple(int(part) for part in line.split("."))
    fitting = [other for other in _reference_numbers() if other[0] == number[0] and other <= number]
    if not fitting:
        there = ", ".join(reference_lines()) or "no version"
        raise KernelUsageError(f"{line}: has no reference patch; there is one for {there}")
    return _own("dirmeta-{}.{}.patch".format(*max(fitting)))


def batching_patch(line: str) -> Patch | None:
    """The patch that adds the batching system call to User Mode Linux, where a version line has one."""
    name = f"multicall-{line}.patch"
    return _own(name) if (folder() / name).is_file() else None


def _reference_numbers() -> Iterator[tuple[int, int]]:
    for file in folder().glob("dirmeta-*.patch"):
        if match := _NUMBERED.fullmatch(file.name):
            yield int(match[1]), int(match[2])


def _own(name: str) -> Patch:
    return Patch(name, (folder() / name).read_bytes())


def apply(patch: Patch, directory: Path, version: str) -> None:
    """Apply to the files in `directory`, which holds those of `patch.paths` that a source has.

    version  what the source is, for messages
    Raises KernelUsageError with the file and the hunk that do not fit.
    """
    ended = subprocess.run(
        ["patch", "-p1", "--batch", "--forward", "--no-backup-if-mismatch", "--reject-file=-"],
        cwd=directory,
        input=patch.text,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if ended.returncode:
        said = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        if "No space left" in said:
            raise KernelError(f"{directory}: no space left to apply {patch.name}")
        raise KernelUsageError(f"{patch.name}: does not apply to {version}: {_why(said)}")


def _why(said: str) -> str:
    """What `patch` complained about, in one line."""
    at = ""
    for line in said.splitlines():
        if named := re.search(r"(?:patching|checking) file '?([^\s']+)", line):
            at = named[1]
        if lacking := re.match(r"\|\+\+\+ [^/\s]+/(\S+)", line):
            return f"it changes {lacking[1]}, which is not there"
        if "previously applied" in line:
            return f"{at} has it already" if at else "it is applied already"
        if hunk := _HUNK.match(line):
            return f"{at}: hunk {hunk[1]} does not fit"
        if complaint := re.match(r"patch: \*+ (.*)", line):
            return complaint[1]
    return "patch gave no reason"


def applied(originals: Path, patches: Sequence[Patch], scratch: Path, version: str) -> None:
    """Leave in the new directory `scratch` each file that the patches touch as it is to be.

    originals  has the files as they are without patches
    Raises KernelUsageError where one does not apply.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for path in {path for patch in patches for path in patch.paths}:
        if (originals / path).is_file():
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(originals / path, scratch / path)
    for patch in patches:
        apply(patch, scratch, version)
