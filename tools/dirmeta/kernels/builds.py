"""Building kernels, and finding those that are built."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dirmeta.kernels import make, mirror, sources
from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.patches import Patch
from dirmeta.kernels.process import Listener, require, require_space
from dirmeta.kernels.sources import Apt, Origin
from dirmeta.kernels.store import Built, Store, home, key, recipe
from dirmeta.kernels.variants import Arch, Variant, in_order, is_reference, own_name, reference, suffix
from dirmeta.kernels.worktree import Worktree, version_of

SPACE: Final = 2.0
"""Gigabytes: a source, its objects, and the download while it is unpacked."""


def silent(step: str) -> None:
    """Listens to nothing."""


def build(variant: Variant, listen: Listener = silent, tarball: Path | None = None) -> Built:
    """A kernel of a version line, from the cache where it is there.

    listen   is told each step
    tarball  the source, instead of the one in the cache or Debian's
    Raises KernelError where it can not be had.
    """
    make.require_tools(variant.arch)
    worktree = Worktree(home() / variant.line)
    given = sources.tarball(tarball) if tarball else None

    def fitting() -> Origin | None:
        there = worktree.origin()
        return there if there and given in (None, there) else None

    # A kernel that is there needs not wait for another that is being built.
    if (origin := fitting()) and (ready := _ready(variant, origin)):
        return ready
    with worktree.locked(listen):
        if not (origin := fitting()):
            require_space(worktree.directory, SPACE)
            origin = _unpacked(worktree, variant.line, tarball, given, listen)
        return _ready(variant, origin) or _made(worktree, variant, origin, listen)


def tree(
    directory: str | os.PathLike[str],
    arch: Arch = "um",
    *,
    extras: Collection[str] = (),
    patches: Sequence[Patch] = (),
    name: str = "",
    listen: Listener = silent,
) -> Built:
    """The kernel of a developer's own tree as it is now, in which nothing is changed.

    Only what changed since the last time is compiled. No batching system call is added.
    Raises KernelError where it can not be built, KernelUsageError where the directory is no kernel's source.
    """
    make.require_tools(arch)
    require({"git": "git"}, "kernel build --tree")
    place = Path(directory).resolve()
    version_of(place)
    chosen = in_order(extras)
    called = own_name(name) if name else f"tree:{place}"
    variant = Variant(called + suffix(chosen), "", arch, chosen, tuple(patches))
    worktree = Worktree(home() / f"tree-{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}")
    with worktree.locked(listen):
        require_space(worktree.directory, 0 if worktree.source.exists() else SPACE)
        listen("looking for changes")
        origin = Origin(os.fspath(place), mirror.bring_up_to_date(place, worktree))
        return _ready(variant, origin) or _made(worktree, variant, origin, listen)


def copy_of_source(line: str, directory: Path) -> None:
    """Make the new `directory` a tree of a version line, without patches. Raises KernelError."""
    worktree = Worktree(home() / line)
    if worktree.origin() is None:
        raise KernelError(f"{line}: its source is not here; run: {_command(line, 'um')}")
    with worktree.locked(silent):
        worktree.copy_original(directory)


def find(name: str, arch: Arch = "um") -> Built:
    """The kernel that was built under this name. Raises KernelError where it was not, or is out of date."""
    called = f"{'uml' if arch == 'um' else arch}:{name}"
    built = Store().named(name, arch)
    if built is None:
        raise KernelError(f"{called}: not built yet; run: {_command(name, arch)}")
    if is_reference(name) and built.recipe != recipe(reference(name, arch)):
        raise KernelError(
            f"{called}: its patches or configuration are others by now; run: {_command(name, arch)}"
        )
    return built


def _command(name: str, arch: Arch) -> str:
    if not is_reference(name):
        name = f"VERSION --patch FILE --name {name}"
    return f"dirmeta kernel build {name}{'' if arch == 'um' else f' --arch {arch}'}"


def _ready(variant: Variant, origin: Origin) -> Built | None:
    """The kernel with this content, if it was built before."""
    store = Store()
    built = store.get(key(variant, origin, make.compiler()))
    return built and store.point(variant.name, built)


def _unpacked(
    worktree: Worktree, line: str, tarball: Path | None, given: Origin | None, listen: Listener
) -> Origin:
    """Unpack a source into the worktree: the one given, else Debian's."""
    with worktree.new_source() as source, _scratch(worktree.directory / "download") as download:
        if tarball is None or given is None:
            tarball, given = Apt(home() / "apt").fetch(line, download, listen)
        sources.unpack(tarball, source, listen)
        version = version_of(source)
        if version.split(".")[:2] != line.split("."):
            raise KernelUsageError(f"{tarball.name}: is the source of {version}, not of {line}")
    worktree.complete(given)
    return given


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    shutil.rmtree(directory, ignore_errors=True)  # of a build that was killed
    directory.mkdir(parents=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _made(worktree: Worktree, variant: Variant, origin: Origin, listen: Listener) -> Built:
    # First: what is edited while it is built is not in it.
    made_of, identity = recipe(variant), key(variant, origin, make.compiler())
    worktree.put(variant.patches)
    image, options = make.image(worktree, variant, listen)
    built = Built(
        name=variant.name,
        arch=variant.arch,
        image=image,
        version=worktree.version(),
        source=origin.name,
        patches=tuple(patch.name for patch in variant.patches),
        batching=variant.batching,
        options=options,
        recipe=made_of,
        key=identity,
    )
    return Store().add(built, worktree.directory / "image")
