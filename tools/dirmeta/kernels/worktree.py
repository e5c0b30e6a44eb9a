"""A source in the cache, and the objects made from it.

There is one for each version line and each tree of a user's, and all its variants are built in it: between
them only the files that their patches touch are written, so that make compiles those and what includes them,
and relinks.
"""

from __future__ import annotations

import fcntl
import filecmp
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dirmeta.kernels.errors import KernelUsageError
from dirmeta.kernels.patches import Patch, applied
from dirmeta.kernels.process import Listener
from dirmeta.kernels.sources import Origin
from dirmeta.kernels.variants import Arch, suffix

_VERSION: Final = ("VERSION", "PATCHLEVEL", "SUBLEVEL")


@dataclass(frozen=True)
class Worktree:
    """The directory below which everything of one source is.

    source      the files, with the patches of whatever was built last
    originals   those of them that a patch ever touched, without patches
    """

    directory: Path

    @property
    def source(self) -> Path:
        return self.directory / "source"

    @property
    def originals(self) -> Path:
        return self.directory / "originals"

    def objects(self, arch: Arch, extras: Sequence[str] = ()) -> Path:
        """Where make writes. Kernels with another configuration have theirs elsewhere."""
        return self.directory / "objects" / f"{arch}{suffix(extras)}"

    def origin(self) -> Origin | None:
        """Where the source came from; None where there is none yet."""
        try:
            return Origin(*json.loads(self._origin.read_text("utf-8")))
        except FileNotFoundError:
            return None

    def version(self) -> str:
        """The version that the source calls itself, like ``6.12.117``."""
        return version_of(self.source)

    @contextmanager
    def locked(self, listen: Listener) -> Iterator[None]:
        """Be the only one who builds here; waits, and says so, while somebody else does.

        What `process.run` starts shares the lock: where this process is killed, make may take a while to end.
        """
        lock = self.directory.with_name(f"{self.directory.name}.lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                listen(f"waiting for another build of {self.directory.name}")
                fcntl.flock(file, fcntl.LOCK_EX)
            os.set_inheritable(file.fileno(), True)
            yield

    @contextmanager
    def new_source(self) -> Iterator[Path]:
        """A path to put a source at, which replaces all that is here once it is complete; see `complete`."""
        unpacked = self.directory / "unpacking"
        shutil.rmtree(unpacked, ignore_errors=True)
        try:
            yield unpacked
            self._remove_but(unpacked)
            unpacked.rename(self.source)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)

    def _remove_but(self, kept: Path) -> None:
        """Remove everything else; the origin first, for it says that the rest is there."""
        self._origin.unlink(missing_ok=True)
        for path in self.directory.iterdir():
            if path.is_dir() and path != kept:
                shutil.rmtree(path, ignore_errors=True)
            elif path != kept:
                path.unlink()

    def complete(self, origin: Origin) -> None:
        """Remember where the source came from, which says that it is all there."""
        write_atomically(self._origin, json.dumps(origin))

    def remove(self) -> None:
        """Remove everything; the origin first, for it says that the rest is there."""
        self._origin.unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, exist_ok=True)

    def put(self, patches: Sequence[Patch]) -> None:
        """Make the source what it is with these patches and no others.

        Files that stay as they are keep their time. Raises KernelUsageError where a patch does not apply; the
        source is as it was then.
        """
        touched = self._keep_originals({path for patch in patches for path in patch.paths})
        scratch = self.directory / "patched"
        try:
            applied(self.originals, patches, scratch, self.version())
            for path in sorted(touched):
                patched = any(path in patch.paths for patch in patches)
                _make_like((scratch if patched else self.originals) / path, self.source / path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def restore(self) -> None:
        """Take all patches off and forget the originals, before the source itself changes."""
        if self._touched:
            self.put(())
            write_atomically(self._list, "[]")
            shutil.rmtree(self.originals)

    def copy_original(self, directory: Path) -> None:
        """Make the new `directory` the source without patches; what is here stays as it is."""
        shutil.copytree(self.source, directory, symlinks=True)
        for path in self._touched:
            _make_like(self.originals / path, directory / path)

    def _keep_originals(self, paths: set[str]) -> set[str]:
        """Copy what no patch touched before. All paths that any ever touched; new files have no copy."""
        touched = self._touched
        self.originals.mkdir(exist_ok=True)
        for path in paths - touched:
            _make_like(self.source / path, self.originals / path)
        write_atomically(self._list, json.dumps(sorted(touched | paths)))
        return touched | paths

    @property
    def _touched(self) -> set[str]:
        try:
            return set(json.loads(self._list.read_text("utf-8")))
        except FileNotFoundError:
            return set()

    @property
    def _list(self) -> Path:
        return self.directory / "touched.json"

    @property
    def _origin(self) -> Path:
        return self.directory / "origin.json"


def version_of(source: Path) -> str:
    """The version in the Makefile of a kernel's source. Raises KernelUsageError where it is none."""
    try:
        text = (source / "Makefile").read_text("utf-8")
    except (OSError, UnicodeError):
        text = ""
    numbers = [re.search(rf"^{name} = *(\d+)", text, re.MULTILINE) for name in _VERSION]
    if not all(numbers) or not (source / "Kconfig").is_file():
        raise KernelUsageError(
            f"{source}: is not the source of a kernel: no Kconfig, or no version in its Makefile"
        )
    extra = re.search(r"^EXTRAVERSION = *(\S+)", text, re.MULTILINE)
    return ".".join(number[1] for number in numbers if number) + (extra[1] if extra else "")


def _make_like(wanted: Path, path: Path) -> None:
    """Let `path` have the content of `wanted`, or not exist; untouched where that is so."""
    if not wanted.is_file():
        path.unlink(missing_ok=True)
    elif not path.is_file() or not filecmp.cmp(wanted, path, shallow=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wanted, path)


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is either as it was or complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, "utf-8")
    part.replace(path)
