"""Programs that stand in for tools."""

from __future__ import annotations

from pathlib import Path

from dirmeta import locations

EXAMPLE = locations.fixtures() / "examples" / "engine.py"


def script(directory: Path, text: str, name: str = "engine.sh") -> Path:
    """A shell script that can be run."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def spoiled(directory: Path, text: str) -> str:
    """``engine:PROGRAM`` of the example, after which some shell commands run with DEST as ``$2``."""
    commands = f'{EXAMPLE} "$1" "$2" || exit; {text}; exit 0'
    return f"engine:{script(directory, commands)}"
