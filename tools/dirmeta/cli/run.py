"""`dirmeta run`: judge a subject or a kernel."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from dirmeta.cli.collector import judge, unheard
from dirmeta.cli.errors import ERROR, fail
from dirmeta.cli.shared import run_options
from dirmeta.cli.updating import update
from dirmeta.judge import expectations
from dirmeta.judge.opening import open_subject
from dirmeta.judge.results import common_error, exit_status
from dirmeta.judge.updating import writable
from dirmeta.options import wanted
from dirmeta.reports.json import report_json
from dirmeta.reports.junit import report_junit
from dirmeta.reports.ktap import Ktap
from dirmeta.reports.terminal import report_text


@click.command()
@run_options()
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="also write the report as JSON",
)
@click.option(
    "--junit",
    "junit_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="also write it as JUnit XML",
)
@click.option(
    "--ktap", is_flag=True, help="write KTAP to stdout as rules are settled, and the report to stderr"
)
@click.option(
    "-n", "workers", metavar="N", default="auto", show_default=True, help="worker processes; 0 for none"
)
def run(json_file: str | None, junit_file: str | None, ktap: bool, workers: str, **values: Any) -> None:
    """Judge a subject (what unpacks) and a kernel (what mounts) by the rules.

    Without options: the reference unpacker and this machine's own kernel, by every rule that has a check.
    """
    asked = wanted(values)
    asked.check()
    subject = open_subject(asked)
    expectations.load(subject.name)
    if asked.learning:
        writable(subject.name)
    for file in (json_file, junit_file):
        if file and not os.access(Path(file).resolve().parent, os.W_OK):
            raise click.UsageError(f"{file}: its directory can not be written.")
    if workers != "auto" and not workers.isdecimal():
        raise click.UsageError(f"-n {workers}: a number or auto is wanted.")
    terminal = sys.stderr if ktap else sys.stdout
    with Ktap(asked.selected(), sys.stdout) if ktap else nullcontext() as protocol:
        report = judge(asked, values, workers, protocol.tell if protocol else unheard)
    if reason := common_error(report.results):
        fail(f"{reason}; nothing was judged", ERROR)
    print(report_text(report), file=terminal, flush=True)
    if asked.learning:
        print(update(asked, subject, report.results), file=terminal, flush=True)
    if json_file:
        write(json_file, report_json(report))
    if junit_file:
        write(junit_file, report_junit(report))
    sys.exit(exit_status(report.results))


def write(file: str, text: str) -> None:
    """Write a report, which by now is on the terminal too."""
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        fail(f"{file}: {error.strerror}; the report was not written there", ERROR)
