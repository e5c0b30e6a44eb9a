"""``cmd:PROGRAM``: any program that keeps to the protocol in fixtures/examples/README.md."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import ClassVar

from dirmeta.model import overlayfs
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Semantics
from dirmeta.observe.steps import Unpacked
from dirmeta.subjects import program
from dirmeta.subjects.base import TIMEOUT, SubjectError


@dataclass(frozen=True)
class Command:
    """Runs ``PROGRAM LAYER.tar DEST``, once a layer.

    path     absolute
    timeout  seconds a layer
    """

    path: str
    name: str
    timeout: float = TIMEOUT

    version: ClassVar[str] = ""
    claims: ClassVar[frozenset[str]] = frozenset(("feature", "switch", "whiteouts"))
    semantics: ClassVar[Semantics] = "delegate"
    variant: ClassVar[str] = ""
    python: ClassVar[bool] = False

    def keeps(self, xattr: str) -> bool:
        return not overlayfs.is_overlay_private(xattr)

    def unpack(
        self, layer: bytes, dest: str, *, namespace: Namespace, delegate: bool, umask: int, work: str
    ) -> Unpacked:
        """See `Subject.unpack`."""
        env = program.environment(DIRMETA_NAMESPACE=namespace, DIRMETA_DELEGATE=str(int(delegate)))
        # Above `work`, so that the program can not write it.
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(work), suffix=".tar") as file:
            os.chmod(file.fileno(), 0o444)
            file.write(layer)
            file.flush()
            argv = (self.path, file.name, dest)
            return program.unpack(argv, dest, work=work, umask=umask, env=env, timeout=self.timeout)


def command(given: str, timeout: float = TIMEOUT) -> Command:
    """The subject ``cmd:given``. Raises SubjectError where there is nothing to run."""
    path = program.find(given)
    if not path:
        raise SubjectError(f"cmd:{given}: {why_not(given, 'cmd')}")
    return Command(path, f"cmd:{given}", timeout)


def why_not(given: str, kind: str) -> str:
    """Why there is no program of that name to run, for ``kind:given``; ends in the remedy."""
    if not given:
        return f"no program is named; give one as {kind}:./my-unpack"
    if os.path.isdir(given):
        return "is a directory; name the program in it"
    if os.path.exists(given) and "/" in given:
        return f"is not executable; chmod +x {given}"
    if "/" in given:
        return "does not exist; give the path of the program"
    return f"is not in PATH; give a path, as {kind}:./{given}"
