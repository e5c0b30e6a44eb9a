"""One image on disk, in each form that some tool takes; a form is written when it is first asked for."""

from __future__ import annotations

import os
import tarfile
from functools import cached_property
from typing import Final

from dirmeta.model.stack import Stack
from dirmeta.streams import docker, oci, tar
from dirmeta.streams.layout import digest

REF: Final = "latest"
NAME: Final = "localhost/dirmeta:latest"


class Image:
    """A stack as an image.

    directory  a new one, which the forms go to
    """

    def __init__(self, stack: Stack, directory: str) -> None:
        self.stack = stack
        self._directory = directory
        os.mkdir(directory)

    @cached_property
    def layout(self) -> str:
        """The path of an OCI layout directory; its image is called `REF`."""
        path = f"{self._directory}/layout"
        oci.write_layout(self.stack, path, ref=REF)
        return path

    @cached_property
    def oci_archive(self) -> str:
        """The path of a tar file with an OCI layout, whose image is called `NAME`."""
        oci.write_layout(self.stack, f"{self._directory}/named", ref=NAME)
        path = f"{self._directory}/oci.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(f"{self._directory}/named", "")
        return path

    @cached_property
    def docker_archive(self) -> str:
        """The path of an archive as ``docker save`` writes it, whose image is called `NAME`."""
        path = f"{self._directory}/docker.tar"
        docker.write_archive(self.stack, path, NAME)
        return path

    @cached_property
    def diff_ids(self) -> tuple[str, ...]:
        """The digest of each layer's plain tar file, lowest first."""
        return tuple(map(digest, self.tars))

    @cached_property
    def tars(self) -> tuple[bytes, ...]:
        """Each layer as a plain tar file, lowest first."""
        return tuple(tar.encode(layer, "pax") for layer in self.stack)
