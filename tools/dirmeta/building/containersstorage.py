"""containers/storage with the feature: its command, and a program that unpacks a layer as its drivers do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dirmeta import locations
from dirmeta.building import golang, store
from dirmeta.kernels.patches import Patch, apply, read_patch
from dirmeta.kernels.process import Listener, require_space
from dirmeta.kernels.worktree import Worktree
from dirmeta.subjects.built import Built, digest, home, recipe

NAME: Final = "containers-storage"
LIBRARY: Final = "github.com/containers/storage"
PROGRAMS: Final = {"containers-storage": f"{LIBRARY}/cmd/containers-storage", "unpack-layer": "unpack-layer"}
"""Program → what it is compiled from."""

_PACKAGE: Final = "golang-github-containers-storage-dev"
_LIBRARIES: Final = {
    LIBRARY: _PACKAGE,
    "github.com/ulikunitz/xz": "golang-github-ulikunitz-xz-dev",  # which the former does not depend on
}
_TAGS: Final = ("exclude_graphdriver_btrfs", "exclude_graphdriver_devicemapper", "libdm_no_deferred_remove")
"""Drivers that need libraries in C, which nobody here asks for."""
_DOCUMENTATION: Final = re.compile(rb"diff --git a/(?:docs/|storage\.conf )")
"""What the patch changes too, and Debian's package of the library does not have."""
_SPACE: Final = 0.6
"""Gigabytes: the library, and what is compiled."""


def build(listen: Listener) -> Built:
    """The patched tool, from the cache where it is there. `listen` is told each step.

    Raises KernelError where something is missing or the patch does not apply, SubjectError where the compiler
    refuses.
    """
    golang.require_packages(_LIBRARIES, f"subject build {NAME}")
    version = golang.version(_PACKAGE)
    key = digest(recipe(NAME).encode(), golang.identity().encode())
    if there := store.get(key):
        return store.point(there)
    work = Worktree(home() / NAME)
    with work.locked(listen):
        require_space(work.directory, _SPACE)
        if there := store.get(key):
            return store.point(there)
        with _scratch(work.directory / "unfinished") as scratch:
            made = Built(NAME, version, scratch / "made", recipe(NAME), key)
            _make(made, scratch, work.directory / "objects", listen)
            return store.add(made)


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    shutil.rmtree(directory, ignore_errors=True)  # of a build that was killed
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _make(made: Built, scratch: Path, objects: Path, listen: Listener) -> None:
    """Make the programs, in the new directory `made.directory`."""
    made.directory.mkdir()
    listen(f"copying {LIBRARY} {made.version}")
    _put_ours(golang.library(LIBRARY, scratch), scratch, made.version)
    for program, package in PROGRAMS.items():
        place = made.directory / program
        golang.compile_to(place, package, scratch=scratch, cache=objects, tags=_TAGS, listen=listen)


def _put_ours(library: Path, scratch: Path, version: str) -> None:
    fixtures = locations.fixtures() / "subjects"
    patch = read_patch(str(fixtures / f"{NAME}-dirmeta.patch"))
    apply(_of_code(patch), library, f"{LIBRARY} {version}")
    program = scratch / "src" / "unpack-layer" / "main.go"
    program.parent.mkdir()
    shutil.copy(fixtures / f"{NAME}-unpack-layer.go", program)


def _of_code(patch: Patch) -> Patch:
    """A patch without the files of `_DOCUMENTATION`."""
    files = re.split(rb"^(?=diff --git )", patch.text, flags=re.MULTILINE)
    return Patch(patch.name, b"".join(file for file in files if not _DOCUMENTATION.match(file)))
