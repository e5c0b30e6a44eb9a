"""`dirmeta diff-kernels`: one corpus on two kernels."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import click

from dirmeta import labs
from dirmeta.cli.replay import read
from dirmeta.cli.run import write
from dirmeta.cli.shared import run_options
from dirmeta.judge.comparing import compare, compare_one
from dirmeta.judge.opening import UsageError, Wanted
from dirmeta.judge.replaying import fitted
from dirmeta.judge.sides import Side, Sides, opened
from dirmeta.model.stack import Case
from dirmeta.options import wanted
from dirmeta.reports.kernels import comparison_json, comparison_text, exit_status
from dirmeta.reports.progress import Progress

NOT_OURS = ("subject", "kernel", "rules", "expect", "strict", "timeout", "umask", "scratch", "learning")


@click.command("diff-kernels")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@run_options(leave_out=NOT_OURS)
@click.option("--case", metavar="ID|FILE|LISTING", help="compare on this case alone")
@click.option(
    "--json", "json_file", metavar="FILE", type=click.Path(dir_okay=False), help="also write it as JSON"
)
def diff_kernels(a: str, b: str, case: str | None, json_file: str | None, **values: Any) -> None:
    """Run the same cases on the kernels A and B, and show where they differ.

    Both are given as for --kernel of `dirmeta run`. Without marks nothing may differ (COMPAT-UNMARKED); with
    them each kernel follows its own rule, also in uppers that the other one has left (COMPAT-MOVE).

    \b
    dirmeta diff-kernels uml:6.12 uml:6.12+dirmeta
    dirmeta diff-kernels host tree:~/linux

    Exit status: 0 nothing differs that the kernels' own rules do not explain, 1 something does,
    2 wrong usage, 3 a kernel can not be had.
    """
    asked = _checked((a, b), values, json_file)
    one = _comparable(read(case)) if case is not None else None
    began = time.monotonic()
    progress = Progress()
    with opened((a, b), asked) as sides:
        if one is None:
            results = compare(sides, asked, lambda done, of: progress.tell(done, of, "cases", ""))
        else:
            results = compare_one(fitted(one, sides.limits), sides, asked)
        about = _about(sides, asked)
    seconds = time.monotonic() - began
    progress.clear()
    print(comparison_text(about, results, _again(a, b, asked), seconds), flush=True)
    if json_file:
        write(json_file, comparison_json(about, results, seconds))
    sys.exit(exit_status(results))


def _checked(specs: tuple[str, str], values: dict[str, Any], json_file: str | None) -> Wanted:
    """What is asked for; UsageError for what can be told without a lab."""
    asked = wanted(values)
    if asked.profile == "full" and asked.seed is None:
        asked = wanted({**values, "seed": secrets.randbelow(1 << 31)})
    asked.check()
    for spec in specs:
        try:
            labs.check(spec)
        except labs.UnknownLab as error:
            raise UsageError(str(error)) from None
    if json_file and not os.access(Path(json_file).resolve().parent, os.W_OK):
        raise UsageError(f"{json_file}: its directory can not be written.")
    return asked


def _comparable(case: Case) -> Case:
    """The case; UsageError where it is none that can be laid out and mounted."""
    if not case.stack:
        raise UsageError("--case: there is no layer in it; give one with a layer at least")
    if case.malformed:
        raise UsageError(f"--case: {case.malformed}; kernels are compared on layers that are well formed")
    return case


def _about(sides: Sides, asked: Wanted) -> dict[str, str]:
    marks = " and ".join(f"{namespace}.*" for namespace in sides.limits.namespaces)
    drawn = f"; --draw {asked.seed} repeats these cases" if asked.seed is not None else ""
    return {
        "A": _words(sides.a),
        "B": _words(sides.b),
        "layers": f"on {sides.limits.backings[0]}; marks in {marks}",
        "profile": asked.profile + drawn,
    }


def _words(side: Side) -> str:
    return f"{side.spec} {side.lab.kernel}, which claims to mount as {side.semantics}"


def _again(a: str, b: str, asked: Wanted) -> str:
    words = [f"dirmeta diff-kernels {a} {b} --case {{id}}"]
    words += [f"--policy {each}" for each in asked.policies]
    words += [f"--backing {asked.backing}"] if asked.backing else []
    return " ".join(words)
