"""`--keep DIR`: everything of a case, for people who go on by hand."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import as_tree, encoded, failure, mount, unpack_steps
from dirmeta.judge.opening import UsageError
from dirmeta.model import codec, listing, oracle
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.observe.layout import lay_out
from dirmeta.observe.steps import Job


def keep(case: Case, where: str, bench: Bench) -> str:
    """Fill the new or empty directory `where`; what was left there, in one line."""
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
    (directory / "mount.sh").write_text(_script(case, bench), "utf-8")
    left = "case.json, listing.txt, l*.tar and mount.sh"
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


def _script(case: Case, bench: Bench) -> str:
    step = mount(case.setup, len(case.stack), bench.conditions)
    options = [f"{name}={value}" if value else name for name, value in step.options]
    lowers = ":".join(step.lowers) if len(step.lowers) > 1 or step.upper else f"{step.lowers[0]}:empty"
    options.append(f"lowerdir={lowers}")
    if step.upper:
        options.append("upperdir=upper,workdir=work")
    return (
        "#!/bin/sh\n# Mounts the diff directories beside this file on ./m; run as root.\nset -e\n"
        'cd "$(dirname "$0")"\nmkdir -p m empty upper work\n'
        f"mount -t overlay overlay -o {shlex.quote(','.join(options))} m\n"
    )
