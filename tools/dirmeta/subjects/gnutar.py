"""``tar``: GNU tar, which knows neither marks nor whiteouts and leaves ``.wh.`` files as files."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Semantics
from dirmeta.observe.steps import Unpacked
from dirmeta.subjects import program
from dirmeta.subjects.base import TIMEOUT, SubjectError

OPTIONS: Final = (
    "--extract", "--preserve-permissions", "--same-owner", "--numeric-owner",
    "--xattrs", "--xattrs-include=*", "--acls",
)  # fmt: skip
_VERSION: Final = re.compile(r"tar \(GNU tar\) (\S+)")
_PROBE_TIMEOUT: Final = 10.0


@dataclass(frozen=True)
class GnuTar:
    """Runs ``tar -xp`` with everything kept, once a layer."""

    path: str
    version: str
    timeout: float = TIMEOUT

    name: ClassVar[str] = "tar"
    claims: ClassVar[frozenset[str]] = frozenset()
    semantics: ClassVar[Semantics] = "sequential"
    variant: ClassVar[str] = "bump"
    python: ClassVar[bool] = False

    def keeps(self, xattr: str) -> bool:
        return True

    def unpack(
        self, layer: bytes, dest: str, *, namespace: Namespace, delegate: bool, umask: int, work: str
    ) -> Unpacked:
        """See `Subject.unpack`; `namespace` and `delegate` mean nothing to it."""
        argv = (self.path, *OPTIONS, "--file=-", f"--directory={dest}")
        env = program.environment()
        return program.unpack(argv, dest, work=work, umask=umask, env=env, timeout=self.timeout, stdin=layer)


def gnu_tar(path: str = "tar", timeout: float = TIMEOUT) -> GnuTar:
    """GNU tar, by its name or path. Raises SubjectError where it is missing or some other tar."""
    found = program.find(path)
    if not found:
        raise SubjectError(f"tar: {path} is not to be found; apt-get install tar, or give tar,path=PATH")
    try:
        said = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=_PROBE_TIMEOUT, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as why:
        raise SubjectError(f"tar: {found} --version: {why}; give another as tar,path=PATH") from None
    version = _VERSION.match(said)
    if version is None:
        raise SubjectError(f"tar: {found} is not GNU tar; apt-get install tar, or give tar,path=PATH")
    return GnuTar(found, version[1], timeout)
