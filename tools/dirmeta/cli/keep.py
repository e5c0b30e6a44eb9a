"""`--keep DIR`: everything of a case, for people who go on by hand."""

from __future__ import annotations

import os
from pathlib import Path

from dirmeta.cli.script import write_script
from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import as_tree, encoded, failure, mount, unpack_steps
from dirmeta.judge.opening import UsageError
from dirmeta.labs import mounts
from dirmeta.model import codec, listing, oracle
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.observe.layout import lay_out
from dirmeta.observe.steps import Job
from dirmeta.reports.script import mounting


def keep(case: Case, where: str, bench: Bench) -> str:
    """Fill the new or empty directory `where`; what was left there, in one line."""
    if case.setup.raced:
        raise UsageError("--keep: what is done at once by several processes has no order to be done again in")
    directory = Path(where)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--keep {where}: {error.strerror}") from None
    if any(directory.iterdir()):
        raise UsageError(f"--keep {where}: is not empty; give a new directory")
    (directory / "case.json").write_text(codec.dumps(case) + "\n", "ascii")
    (directory / "listing.txt").write_text(listing.render(case) + "\n", "utf-8")
    for number, layer in enumerate(case.stack, 1):
        (directory / f"l{number}.tar").write_bytes(encoded(layer, case.setup.tar))
    if case.program:
        write_script(case, os.fspath(directory / "script.sh"), bench)
    else:
        (directory / "mount.sh").write_text(_mount(case, bench), "utf-8")
    left = f"case.json, listing.txt, l*.tar and {'script.sh' if case.program else 'mount.sh'}"
    try:
        for number, tree in enumerate(_diffs(case, bench), 1):
            lay_out(tree, os.fspath(directory / f"l{number}"))
    except OSError as error:
        return f"kept in {where}: {left}; not the diff directories: {error.strerror}, which takes root"
    return f"kept in {where}: {left}, and the diff directories l*/"


def _diffs(case: Case, bench: Bench) -> list[Tree]:
    """The diff directories as the subject makes them, or as the model has them."""
    if case.setup.layout == "model":
        return oracle.diff_directories(case)
    [results] = bench.lab.run([Job(unpack_steps(case), case.setup.backing)])
    if failed := failure(results):
        raise OSError(0, failed)
    return [as_tree(result) for result in results if isinstance(result, dict)]


def _mount(case: Case, bench: Bench) -> str:
    step = mount(case.setup, len(case.stack), bench.conditions)
    return (
        "#!/bin/sh\n# Mounts the diff directories beside this file on ./m; run as root.\nset -e\n"
        f'cd "$(dirname "$0")"\nmkdir -p {" ".join(mounts.directories(step))}\n'
    ) + "".join(f"{line}\n" for line in mounting(step))
