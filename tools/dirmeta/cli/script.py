"""`--script FILE`: a case as a shell script."""

from __future__ import annotations

from pathlib import Path

from dirmeta.judge.bench import Bench
from dirmeta.judge.opening import UsageError
from dirmeta.model import spelling
from dirmeta.model.stack import Case
from dirmeta.reports.script import script
from dirmeta.reports.shell import ScriptError

STDOUT = "-"


def write_script(case: Case, where: str, bench: Bench) -> None:
    """Write the script to the file `where`. UsageError where there can be none, or not there."""
    if case.malformed or not case.stack:
        why = case.malformed or "there is no layer in it"
        raise UsageError(f"--script: {why}; a script is of layers that are well formed")
    try:
        data = spelling.to_bytes(script(case, bench.conditions))
    except ScriptError as error:
        raise UsageError(f"--script: {error}") from None
    if where == STDOUT:  # sys.stdout is where the report goes
        with open(1, "wb", closefd=False) as stdout:
            stdout.write(data)
        return
    try:
        Path(where).write_bytes(data)
    except OSError as error:
        raise UsageError(f"--script {where}: {error.strerror}") from None
