"""The agent in C, compiled when it is first needed and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from dirmeta import locations
from dirmeta.labs.base import LabError

_SOURCES: Final = Path(__file__).parent / "agent"
_COMPILER: Final = (
    "gcc", "-O2", "-static", "-std=gnu11", "-D_GNU_SOURCE",
    "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror",
)  # fmt: skip


def agent() -> Path:
    """The program, static, so that it runs on any kernel of this architecture. Raises LabError."""
    sources = sorted(_SOURCES.glob("*.[ch]"))
    key = hashlib.sha256(repr(_COMPILER).encode())
    for source in sources:
        key.update(source.name.encode() + b"\0" + source.read_bytes())
    program = locations.cache() / "agent" / key.hexdigest()[:16] / "agent"
    if not program.exists():
        try:
            program.parent.mkdir(parents=True, exist_ok=True)
            _compile([source for source in sources if source.suffix == ".c"], program)
        except OSError as error:
            why = (
                f"{program.parent}: {error.strerror}; set {locations.CACHE_VARIABLE} to a directory of yours"
            )
            raise LabError(why) from error
    return program


def _compile(sources: list[Path], program: Path) -> None:
    """Written aside and renamed, so that nobody sees half of it."""
    if shutil.which(_COMPILER[0]) is None:
        raise LabError("the agent in C needs a C compiler: apt-get install gcc libc6-dev")
    handle, aside = tempfile.mkstemp(dir=program.parent)
    os.close(handle)
    try:
        done = subprocess.run(
            [*_COMPILER, "-o", aside, *map(str, sources)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(f"the agent in C does not compile: {_first_line(done.stderr)}")
        os.chmod(aside, 0o755)
        os.rename(aside, program)
    finally:
        Path(aside).unlink(missing_ok=True)


def _first_line(text: str) -> str:
    errors = [line for line in text.splitlines() if "error" in line] or text.splitlines() or ["no message"]
    return errors[0]
