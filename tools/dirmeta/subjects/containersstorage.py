"""``containers-storage+dirmeta``: one layer, unpacked by patched containers/storage as its drivers do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from dirmeta.model import overlayfs
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Semantics
from dirmeta.observe.steps import Unpacked
from dirmeta.subjects import built, program
from dirmeta.subjects.base import TIMEOUT, UnknownSubject

BUILD: Final = "containers-storage"
DRIVERS: Final = {
    "overlay": frozenset(("feature", "switch", "whiteouts")),
    "vfs": frozenset(("feature", "switch")),
}
"""What each driver's code claims. There are two such codes; that of vfs does what a whiteout says."""

_ROOTLESS: Final = "_CONTAINERS_USERNS_CONFIGURED"
"""containers/storage takes itself for rootless where it is set, and its mounts read user.* then."""
_LEFT_OUT: Final = (*overlayfs.ACLS, "security.selinux")
"""It reads SCHILY.xattr records only, and tar has ACLs in others."""


@dataclass(frozen=True)
class ContainersStorage:
    """Runs the program of `fixtures/subjects`, once a layer.

    path     of that program
    version  of the storage library
    driver   one of `DRIVERS`
    """

    path: str
    version: str
    driver: str = "overlay"
    timeout: float = TIMEOUT

    semantics: ClassVar[Semantics] = "delegate"
    variant: ClassVar[str] = ""
    python: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"{BUILD}+dirmeta" + f",driver={self.driver}" * (self.driver != "overlay")

    @property
    def claims(self) -> frozenset[str]:
        return DRIVERS[self.driver]

    def keeps(self, xattr: str) -> bool:
        return not overlayfs.is_overlay_private(xattr) and xattr not in _LEFT_OUT

    def unpack(
        self, layer: bytes, dest: str, *, namespace: Namespace, delegate: bool, umask: int, work: str
    ) -> Unpacked:
        """See `Subject.unpack`."""
        argv = (self.path, self.driver, "on" if delegate else "off", dest)
        env = program.environment(**({_ROOTLESS: "1"} if namespace == "user" else {}))
        return program.unpack(argv, dest, work=work, umask=umask, env=env, timeout=self.timeout, stdin=layer)


def containers_storage(driver: str = "overlay", timeout: float = TIMEOUT) -> ContainersStorage:
    """The subject as it was built last. Raises SubjectError where it was not."""
    if driver not in DRIVERS:
        there_are = ", ".join(DRIVERS)
        raise UnknownSubject(f"{BUILD}+dirmeta: there is no driver={driver}; there are {there_are}")
    there = built.find(BUILD)
    return ContainersStorage(there.program("unpack-layer"), there.version, driver, timeout)
