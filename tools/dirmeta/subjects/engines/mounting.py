"""Putting unpacked layers together, as a tool's own storage driver would."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from dirmeta.model.overlayfs import Namespace
from dirmeta.sandbox import syscalls
from dirmeta.sandbox.diagnosis import in_user_namespace
from dirmeta.subjects.engines.base import EngineError, NotInstalled
from dirmeta.subjects.engines.process import found, run, search_path

FUSE: Final = "fuse-overlayfs"


def require(driver: str) -> None:
    """Raise NotInstalled where a driver needs a program that is missing."""
    if driver == FUSE and not found(FUSE):
        raise NotInstalled(f"{FUSE} is not installed; apt-get install {FUSE}")


def namespace() -> Namespace:
    """Whose xattrs an overlay mount reads here."""
    return "user" if in_user_namespace() else "trusted"


def overlay(layers: Sequence[str], at: str) -> str:
    """Mount directories, lowest first, read-only at a new directory; its path."""
    options = "lowerdir=" + ":".join((*reversed(layers), _made(f"{at}.empty")))  # it wants two lowers
    try:
        kind = ",userxattr" * (namespace() == "user")
        syscalls.mount("overlay", _made(at), "overlay", 0, options + kind)
    except OSError as error:
        raise EngineError(f"the layers can not be mounted: {error.strerror}") from error
    return at


def fuse_overlay(layers: Sequence[str], at: str) -> str:
    """The same with fuse-overlayfs."""
    run((found(FUSE), "-o", "lowerdir=" + ":".join(reversed(layers)), _made(at)), {"PATH": search_path()})
    return at


def topmost(layers: Sequence[str], at: str) -> str:
    """The topmost layer, which has all that is below it; `at` is not needed."""
    return layers[-1]


def _made(directory: str) -> str:
    os.mkdir(directory)
    return directory
