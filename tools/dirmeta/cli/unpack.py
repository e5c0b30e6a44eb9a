"""`dirmeta unpack`: the reference unpacker as a program."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dirmeta.cli.errors import fail
from dirmeta.judge.opening import UsageError
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.streams.compress import decompress
from dirmeta.subjects.reference import Refused, unpack_layer

FAILED = 1


@click.command()
@click.argument("layer", metavar="LAYER")
@click.argument("dest", metavar="DEST")
@click.option(
    "--namespace",
    type=click.Choice(["trusted", "user"]),
    default=lambda: os.environ.get("DIRMETA_NAMESPACE") or own_namespace(),
    help="whose marks to write; trusted takes root  [default: as the user may]",
)
@click.option("--no-marks", is_flag=True, help="leave implied directories unmarked")
def unpack(layer: str, dest: str, namespace: str, no_marks: bool) -> None:
    """Unpack one layer with the reference unpacker, as a diff directory for overlayfs.

    LAYER is a tar file, plain or compressed with gzip or zstd; DEST an existing empty directory. The
    command is a subject too, by way of --subject cmd:PROGRAM: it reads DIRMETA_DELEGATE and
    DIRMETA_NAMESPACE.
    """
    data = read(layer)
    require_empty(dest)
    os.umask(0o022)
    delegate = not no_marks and os.environ.get("DIRMETA_DELEGATE", "1") != "0"
    try:
        unpack_layer(data, dest, "user" if namespace == "user" else "trusted", delegate)
    except Refused as why:
        hint = "" if os.geteuid() == 0 else "; an ordinary user does this under unshare -Ur"
        fail(f"{layer}: {why}{hint}", FAILED)


def own_namespace() -> str:
    """The namespace whose xattrs the user can write: only real root has trusted ones."""
    return "user" if os.geteuid() or in_user_namespace() else "trusted"


def read(layer: str) -> bytes:
    try:
        return decompress(Path(layer).read_bytes())
    except OSError as error:
        raise UsageError(f"{layer}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{layer}: {error}") from None


def require_empty(dest: str) -> None:
    try:
        names = os.listdir(dest)
    except OSError as error:
        raise UsageError(f"{dest}: {error.strerror}; DEST is an existing empty directory") from None
    if names:
        raise UsageError(f"{dest}: is not empty; DEST is an existing empty directory")
