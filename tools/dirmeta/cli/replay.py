"""`dirmeta replay`: one case again, without Hypothesis."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

from dirmeta.cli.keep import keep
from dirmeta.cli.replay_engine import replay_engine
from dirmeta.cli.script import STDOUT, write_script
from dirmeta.cli.shared import run_options
from dirmeta.judge import witnesses
from dirmeta.judge.opening import UsageError, open_bench, open_subject
from dirmeta.judge.replaying import fitted, judge_case, wrong_program
from dirmeta.judge.results import RuleResult, exit_status, summary
from dirmeta.model import codec, listing
from dirmeta.model.stack import Case
from dirmeta.options import wanted
from dirmeta.reports.terminal import failure_text, rule_line
from dirmeta.streams.errors import LoadError
from dirmeta.streams.load import load
from dirmeta.subjects.base import SubjectError
from dirmeta.subjects.engines.table import is_engine


@click.command()
@click.argument("what", metavar="ID|FILE|LISTING")
@run_options(leave_out=("profile", "examples", "seconds", "seed", "learning"))
@click.option(
    "--keep",
    "kept",
    metavar="DIR",
    help="leave tars, diff directories and the mount command, or a program's script, in DIR",
)
@click.option(
    "--script", "script_file", metavar="FILE",
    help="write it as a shell script that does it by hand; - for stdout, and the report goes to stderr",
)  # fmt: skip
def replay(what: str, kept: str | None, script_file: str | None, **values: Any) -> None:
    """Judge one case: the ID that a failure prints, a file, a listing, or - for stdin.

    A file holds a case as JSON or as a listing, or is a layer tar, a docker archive, or an OCI image layout.

    \b
    dirmeta replay 'layer 1  tmp/ 1777
                    layer 2  tmp/x'
    dirmeta replay 3f2a91 --script finding.sh
    dirmeta replay 3f2a91 --subject podman,driver=vfs       any that `dirmeta compare` takes
    """
    if is_engine(values["subject"] or ""):
        if kept or script_file:
            raise UsageError(
                "--keep and --script show what is done with single layers, which engines do not tell"
            )
        sys.exit(replay_engine(read(what), values))
    with redirect_stdout(sys.stderr) if script_file == STDOUT else nullcontext():
        results = _replayed(what, kept, script_file, values)
    sys.exit(exit_status(results))


def _replayed(
    what: str, kept: str | None, script_file: str | None, values: dict[str, Any]
) -> list[RuleResult]:
    """Judge the case and report; what came of each rule."""
    asked = wanted(values)
    asked.check()
    case = read(what)
    bench = open_bench(asked, open_subject(asked))
    try:
        if bench.broken:
            raise SubjectError(bench.broken)
        case = fitted(case, bench.limits)
        print(listing.render(case))
        if script_file:
            write_script(case, script_file, bench)
        if kept:
            print(keep(case, kept, bench))
        results = judge_case(case, asked.selected(), bench)
    finally:
        bench.lab.close()
    if not results:
        raise UsageError(f"--rules {asked.rules}: none of them is judged on such a case")
    print()
    for result in results:
        if result.verdict != "n/a":
            print(rule_line(result))
    for result in results:
        if result.witnesses and result.verdict == "fail":
            print(f"\n{failure_text(result)}")
    print(f"\n{summary(results)}")
    return results


def read(what: str) -> Case:
    """The case that an argument names or spells. UsageError where it is none, or impossible."""
    case = _read(what)
    if wrong := wrong_program(case.program):
        raise UsageError(wrong)
    return case


def _read(what: str) -> Case:
    if not what.strip():
        raise UsageError("an empty listing is no case")
    if what == "-":
        return _parsed(sys.stdin.read(), "stdin")
    if os.path.exists(what):  # which a listing too long for a name does not
        return _from_file(Path(what))
    if re.fullmatch("[0-9a-f]{6,64}", what):
        case = witnesses.load(what)
        if case is None:
            raise UsageError(
                f"no case {what} is stored in {witnesses.directory()}; give the file or the listing"
            )
        return case
    if " " not in what.strip() and "\n" not in what:
        raise UsageError(f"{what}: no such file, id of a stored case, or listing")
    return _parsed(what, "the listing")


def _from_file(path: Path) -> Case:
    if path.is_dir():
        return Case(load(path))
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        return _binary(path, error)
    return _parsed(text, str(path)) if "\0" not in text else Case(load(path))


def _binary(path: Path, error: UnicodeDecodeError) -> Case:
    """The case in a file that is not UTF-8. UsageError where it seems to be a listing all the same."""
    try:
        return Case(load(path))
    except LoadError:
        if b"\0" in path.read_bytes():
            raise
        raise UsageError(f"{path}: is neither an image nor a listing in UTF-8 (byte {error.start})") from None


def _parsed(text: str, where: str) -> Case:
    """A case from its JSON or its listing."""
    try:
        return codec.loads(text) if text.lstrip().startswith("{") else listing.parse(text)
    except (codec.CaseError, listing.ListingError) as error:
        raise UsageError(f"{where}: {error}") from None
