"""podman run by an ordinary user, who has subordinate ids."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from dirmeta.subjects.engines import containers, machine, mounting
from dirmeta.subjects.engines.base import Compose, EngineError, NotInstalled, Root, Traits
from dirmeta.subjects.engines.image import REF, Image
from dirmeta.subjects.engines.podman import PROBE
from dirmeta.subjects.engines.process import found, run

USER: Final = "nobody"
FIRST: Final = 100_000


@dataclass(frozen=True)
class RootlessPodman:
    """Runs ``podman pull`` and ``podman image mount`` as `USER`."""

    name: str
    path: str
    version: str
    driver: str

    root: ClassVar[bool] = True

    @property
    def traits(self) -> Traits:
        return replace(containers.TRAITS[self.driver], diffs=False)  # its owners are mapped

    @contextmanager
    def session(self, home: str) -> Iterator[Compose]:
        user = pwd.getpwnam(USER)
        machine.user_with_ids(home, USER, FIRST)
        place = f"{home}/{USER}"
        os.mkdir(place)
        store = containers.Store(place, self.driver)
        _give(place, user)
        podman = (self.path, *store.options, f"--tmpdir={place}/libpod")

        def compose(image: Image, work: str) -> Root:
            number = run(
                (*podman, "pull", "--quiet", f"oci:{image.layout}:{REF}"),
                store.env,
                user=user.pw_uid,
                cwd=place,
            ).strip()
            mount = (*podman, "unshare", *podman, "image", "mount", number)
            at = run(mount, store.env, user=user.pw_uid, cwd=place).strip()
            return Root(at, _keeper(place))

        yield compose


def _give(directory: str, user: pwd.struct_passwd) -> None:
    """Make a user the owner of all that is there."""
    for place, names, files in os.walk(directory):
        for name in (".", *names, *files):
            os.chown(f"{place}/{name}", user.pw_uid, user.pw_gid)


def _keeper(place: str) -> int:
    """The process that keeps the user's namespaces alive."""
    try:
        return int(next(Path(place).rglob("pause.pid")).read_text("ascii"))
    except (StopIteration, ValueError):
        raise EngineError(
            "podman keeps no process in the user's namespaces, so what it mounts is not seen"
        ) from None


def podman_rootless(name: str, driver: str) -> RootlessPodman:
    mounting.require(driver)
    if not found("newuidmap"):
        raise NotInstalled("newuidmap is not installed; apt-get install uidmap")
    return RootlessPodman(name, *PROBE.look(), driver)
