"""`dirmeta subject`: what can be tested, and what has to be built for it."""

from __future__ import annotations

import sys

import click

from dirmeta import subjects
from dirmeta.building import BUILDS
from dirmeta.cli.kernel import Steps
from dirmeta.subjects import SUBJECTS, SubjectError
from dirmeta.subjects.engines.table import ENGINES, Row, engine


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
    """Every subject, with its version, or what is needed to have it.

    First those of `dirmeta run`, which unpack a layer; then those of `dirmeta compare`, which make a file
    system of an image, with the semantics that they declare where no option is given.
    """
    layers = {row.spelled: _state(name) for name, row in SUBJECTS.items() if name == row.spelled}
    spelled = [row.spelled for row in SUBJECTS.values()]
    engines = {_spelled(name, row): _state_of_engine(name) for name, row in ENGINES.items()}
    width = max(map(len, (*spelled, *engines))) + 2
    for name in (*spelled, *engines, "engine:PROGRAM"):
        print(f"{name:<{width}}{layers.get(name) or engines.get(name) or 'a program of yours'}")


def _state(name: str) -> str:
    """What there is of a subject that needs no more than its name."""
    try:
        found = subjects.subject(name)
    except SubjectError as error:
        return f"not here: {error}"
    return found.version or "always here"


def _spelled(name: str, row: Row) -> str:
    """``podman,driver=overlay|vfs``"""
    return ",".join([name, *(f"{option}={'|'.join(values)}" for option, values in row.options.items())])


def _state_of_engine(name: str) -> str:
    try:
        found = engine(name)
    except SubjectError as error:
        return f"not here: {error}"
    root = ", as root" if found.root else ""
    return f"{found.version}  ({found.traits.model}{root})"
