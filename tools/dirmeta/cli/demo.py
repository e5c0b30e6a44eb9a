"""`dirmeta demo`: the feature on a real store, for people who want to see it first."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from dirmeta import locations
from dirmeta.cli.errors import ERROR, fail
from dirmeta.cli.kernel import Steps
from dirmeta.judge.demo import after, before, missing
from dirmeta.judge.opening import UsageError
from dirmeta.model import listing
from dirmeta.model.stack import Stack
from dirmeta.reports.demo import demo_text
from dirmeta.streams import oci
from dirmeta.subjects.engines.listing import Wanted

IMAGE: Final = "demo/bootc.txt"


@click.group()
def demo() -> None:
    """Show the feature on real storage and a real kernel."""


@demo.command()
@click.option(
    "--image", metavar="OCI_LAYOUT", type=click.Path(exists=True, file_okay=False), help="an image of yours"
)
@click.option("--ref", metavar="NAME", help="which image of the layout, where there are several")
@click.option(
    "--directory", metavar="DIR", default="/usr", show_default=True, help="the directory that is listed"
)
def bootc(image: str | None, ref: str | None, directory: str) -> None:
    """List /usr of an image as it is today, and with the feature.

    \b
    dirmeta demo bootc
    dirmeta demo bootc --image ./layout --directory /usr/lib

    Before: stock containers-storage, mounted by the running kernel. After: the patched one, in a guest with
    the patched kernel. Both use stores of their own, of which nothing is left. Without --image it is a base
    in which all times are 0, as in bootc images, below layers of files only.
    """
    inside = "/".join(part for part in directory.split("/") if part not in ("", "."))
    if not inside or ".." in inside.split("/"):
        raise UsageError(f"--directory {directory}: a directory below the image's root is wanted, like /usr")
    size = sum(map(len, oci.read_blobs(image, ref))) if image else 0
    if lacking := list(missing()):
        fail(f"demo bootc: {'; '.join(lacking)}", ERROR)
    wanted = Wanted(os.path.abspath(image) if image else _ours(), inside, ref)
    steps = Steps(sys.stderr)
    try:
        steps("unpacking and mounting as it is today")
        stock = before(wanted)
        steps("unpacking and mounting with the feature, in a guest")
        delegated = after(wanted, size)
    finally:
        steps.clear()
    print(demo_text(wanted, stock, delegated))


def _ours() -> Stack:
    """The image that comes with the suite."""
    return listing.parse((locations.fixtures() / IMAGE).read_text("utf-8")).stack
