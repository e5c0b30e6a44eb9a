"""`dirmeta subject`: what can be tested, and what has to be built for it."""

from __future__ import annotations

import sys

import click

from dirmeta import subjects
from dirmeta.building import BUILDS
from dirmeta.cli.kernel import Steps
from dirmeta.subjects import SUBJECTS, SubjectError


@click.group()
def subject() -> None:
    """Build subjects from source, and show which there are."""


@subject.command()
@click.argument("name", type=click.Choice(tuple(BUILDS)))
def build(name: str) -> None:
    """Build a subject, or take it from the cache.

    \b
    NAME is  containers-storage   with the feature, from Debian's source and fixtures/subjects
    """
    steps = Steps(sys.stderr)
    try:
        built = BUILDS[name](steps)
    finally:
        steps.clear()
    print(f"{name}  {built.version}  {built.directory}  ({steps.seconds:.0f} s)")


@subject.command("list")
def list_subjects() -> None:
    """Every subject, with its version, or what is needed to have it."""
    width = max(len(row.spelled) for row in SUBJECTS.values()) + 2
    for name, row in SUBJECTS.items():
        print(f"{row.spelled:<{width}}{_state(name) if name == row.spelled else 'a program of yours'}")


def _state(name: str) -> str:
    """What there is of a subject that needs no more than its name."""
    try:
        found = subjects.subject(name)
    except SubjectError as error:
        return f"not here: {error}"
    return found.version or "always here"
