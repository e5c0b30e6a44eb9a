"""From a source to an image: configuring and compiling with the kernel's own make."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dirmeta.kernels import config
from dirmeta.kernels.errors import KernelError
from dirmeta.kernels.process import Listener, no_space, require, run
from dirmeta.kernels.variants import Arch, Variant
from dirmeta.kernels.worktree import Worktree

IMAGES: Final[dict[Arch, str]] = {"um": "linux", "x86": "arch/x86/boot/bzImage"}
"""What make is asked for: the image below the objects."""

_TARGETS: Final[dict[Arch, str]] = {"um": "linux", "x86": "bzImage"}
_PROGRAMS: Final = {
    "make": "make", "gcc": "gcc", "ld": "binutils", "flex": "flex", "bison": "bison", "bc": "bc",
    "perl": "perl", "setpriv": "util-linux", "xz": "xz-utils", "patch": "patch",
}  # fmt: skip
_HEADERS: Final[dict[Arch, dict[str, str]]] = {
    "um": {"stdio.h": "libc6-dev"},
    "x86": {"stdio.h": "libc6-dev", "gelf.h": "libelf-dev"},
}
_COMPILED: Final = re.compile(r"\s+(?:CC|AS|LD|AR|HOSTCC|LINK)\s+(\S+)")
_ERROR: Final = re.compile(r"\berror\b.*:|\*\*\* |undefined reference|Error \d")
_ABOUT: Final[dict[Arch, int]] = {"um": 1330, "x86": 2000}
"""How many lines like ``CC fs/namei.o`` a build from nothing prints, roughly; for its progress."""

_FOREIGN: Final = re.compile(
    "ARCH|SUBARCH|CROSS_COMPILE|LLVM.*|LOCALVERSION|K[AC]FLAGS|(MAKE|MF|GNUMAKE|K(BUILD|CONFIG)_).*"
)
"""Variables of the environment that are about builds of somebody else."""
_REPRODUCIBLE: Final = {
    "KBUILD_BUILD_VERSION": "1",
    "KBUILD_BUILD_USER": "dirmeta",
    "KBUILD_BUILD_HOST": "dirmeta",
    "LOCALVERSION": "",
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
}


def require_tools(arch: Arch) -> None:
    """See that all is installed that a build needs. Raises KernelError that names what is not."""
    if platform.machine() != "x86_64":
        raise KernelError(f"kernel build: it is for x86_64 machines, and this one is {platform.machine()}")
    lacking = {header: package for header, package in _HEADERS[arch].items() if not _has_header(header)}
    require(_PROGRAMS | lacking, "kernel build")


def _has_header(name: str) -> bool:
    words = ["gcc", "-E", "-x", "c", "-include", name, os.devnull, "-o", os.devnull]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def compiler() -> str:
    """The compiler's version, in one line."""
    said = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0]


def image(worktree: Worktree, variant: Variant, listen: Listener) -> tuple[Path, config.Options]:
    """Make the image of what is in the worktree; where make left it, and what became of the options wanted.

    Raises KernelError where it can not be configured or does not compile.
    """
    arch, extras = variant.arch, variant.extras
    objects = worktree.objects(arch, extras)
    with _unbroken(objects) as new:
        wanted = objects / "wanted.config"
        wanted.write_text(config.fragments(arch, extras), "ascii")
        make = _Make(worktree, objects, variant)
        listen("configuring")
        make(["allnoconfig"], lambda line: None, KCONFIG_ALLCONFIG=os.fspath(wanted))
        got = config.options((objects / ".config").read_text("utf-8"))
        options = config.options(wanted.read_text("ascii"))
        config.check(options, got, worktree.source, worktree.version())
        became = {name: got.get(name, "n") for name in options}
        make([_TARGETS[arch]], _progress(_ABOUT[arch] if new else None, listen))
    return objects / IMAGES[arch], became


class _Make:
    """Runs the kernel's make in `objects`, and keeps what it says in a log there."""

    def __init__(self, worktree: Worktree, objects: Path, variant: Variant) -> None:
        jobs = len(os.sched_getaffinity(0))
        self.words = [
            "make",
            f"--directory={worktree.source}",
            f"O={objects}",
            f"ARCH={variant.arch}",
            f"-j{jobs}",
        ]
        self.name = variant.name
        self.log = worktree.directory / "build.log"
        self.log.write_bytes(b"")

    def __call__(self, targets: Sequence[str], listen: Listener, **variables: str) -> None:
        env = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
        with self.log.open("a", buffering=1, encoding="utf-8") as log:

            def keep(line: str) -> None:
                print(line, file=log)
                listen(line)

            status = run([*self.words, *targets], keep, env | _REPRODUCIBLE | variables)
        if status:
            raise self._failure()

    def _failure(self) -> KernelError:
        lines = self.log.read_text("utf-8").splitlines()
        if any("No space left on device" in line for line in lines):
            return no_space(self.log.parent, "compiling stopped")
        errors = [line.strip() for line in lines if _ERROR.search(line)] or lines[-1:]
        return KernelError(
            f"{self.name}: does not build: {'; '.join(errors[:2])}; all of it is in {self.log}"
        )


@contextmanager
def _unbroken(objects: Path) -> Iterator[bool]:
    """Whether objects are to be made from nothing, which is also so after a build that was killed.

    A compiler that is killed together with its make can leave half an object that looks new.
    """
    mark = objects / "unfinished"
    if mark.exists():
        shutil.rmtree(objects)
    new = not objects.exists()
    objects.mkdir(parents=True, exist_ok=True)
    mark.touch()
    try:
        yield new
    finally:  # also where it failed or was interrupted: make was let end, and removes what is half done
        mark.unlink(missing_ok=True)


def _progress(about: int | None, listen: Listener) -> Listener:
    """Tells from make's output how far it is, by percent where about how much there is to do is known."""
    done = 0

    def tell(line: str) -> None:
        nonlocal done
        if match := _COMPILED.match(line):
            done += 1
            far = f"about {min(99, 100 * done // about)} %" if about else f"{done} files"
            listen(f"compiling: {far}  {match[1]}")

    return tell
