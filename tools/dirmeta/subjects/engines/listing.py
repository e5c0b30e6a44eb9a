"""``ls -l`` of a directory in an image's root file system. Called in an engine's private world, once that is
started (`inside.start`)."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from dirmeta.model.stack import Stack
from dirmeta.streams import oci
from dirmeta.subjects.engines import inside
from dirmeta.subjects.engines.base import EngineError, Refused
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.process import environment, run


class Wanted(NamedTuple):
    """What is listed of which image.

    image      an OCI layout directory, or a stack that an image is made of
    directory  relative to the image's root
    ref        the image's name in its layout, None where there is one image
    """

    image: str | Stack
    directory: str
    ref: str | None = None


def listing(wanted: Wanted) -> str:
    """What `ls` writes. The engine is given the layers as they are stored. Raises EngineError, LoadError."""
    place = inside.new_place()
    image = Image(() if isinstance(wanted.image, str) else wanted.image, f"{place}/image")
    layout = wanted.image if isinstance(wanted.image, str) else image.layout
    image.tars = oci.read_blobs(layout, wanted.ref)
    try:
        root = inside.made(image, place).path
    except Refused as why:
        raise EngineError(str(why)) from None
    _require_directory(root, wanted.directory)
    words = ("ls", "-l", "--time-style=full-iso", f"./{wanted.directory}")
    return run(words, environment(place, TZ="UTC", LC_ALL="C.UTF-8"), cwd=root)


def _require_directory(root: str, directory: str) -> None:
    """EngineError for what is none, and links on the way, which would lead out of the image."""
    at = root
    for name in directory.split("/"):
        at = f"{at}/{name}"
        try:
            found = os.lstat(at)
        except OSError as why:
            raise EngineError(f"/{directory} in the image: {why.strerror}") from None
        if not stat.S_ISDIR(found.st_mode):
            raise EngineError(
                f"/{directory} in the image: {name} is no directory; ask for another with --directory"
            )
