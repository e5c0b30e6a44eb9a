"""What every engine offers: a tool that makes a root file system of a whole image."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple, Protocol

from dirmeta.model import overlayfs
from dirmeta.model.semantics import Semantics
from dirmeta.model.tree import Tree
from dirmeta.sandbox.errors import Obstacle
from dirmeta.subjects.base import SubjectError
from dirmeta.subjects.engines.image import Image

TIMEOUT: Final = 60.0
"""Seconds that one program of an engine may take."""


class EngineError(SubjectError, Obstacle):
    """An engine that can not be had, or that broke down; the text is one line."""


class NotInstalled(EngineError):
    """An engine whose program is missing, too old or not for this user; the text says what to install."""


class Refused(Exception):
    """An image that the tool gave up on, with its own words."""


@dataclass(frozen=True)
class Globs:
    """Whether a name matches one of several globs, and is none of those left out."""

    globs: tuple[str, ...]
    but: frozenset[str] = frozenset()

    def __call__(self, name: str) -> bool:
        return name not in self.but and any(fnmatchcase(name, glob) for glob in self.globs)


NO_ACLS: Final = Globs(("*",), but=overlayfs.ACLS)
"""What tools keep that read xattrs from ``SCHILY.xattr`` records alone: tar has ACLs in others."""


@dataclass(frozen=True)
class Traits:
    """What an engine declares of the file systems it makes.

    semantics, variant  the model that it follows
    keeps               whether an entry's xattr of that name is meant to be seen in the end
    owners              whether it keeps uids and gids; else all is 0:0
    times               whether it keeps mtimes; else nothing is said of them
    links               whether hardlinks are those of the image; else files of like content may be one
    whiteouts           whether it acts on whiteouts; else their ``.wh.`` files are files
    placeholder_mode    of a directory that it makes because an entry lies below it
    placeholder_mtime   ``now`` is the time of unpacking
    notes               xattrs in which it keeps what it could not store; not looked at
    diffs               whether each layer becomes a diff directory of overlayfs that can be looked at
    """

    semantics: Semantics
    variant: str = ""
    keeps: Callable[[str], bool] = Globs(("*",))
    owners: bool = True
    times: bool = True
    links: bool = True
    whiteouts: bool = True
    placeholder_mode: str = "0755"
    placeholder_mtime: Literal["now", "0"] = "now"
    notes: tuple[str, ...] = ()
    diffs: bool = False

    def following(self, semantics: Semantics, variant: str) -> Traits:
        """The same of an engine that follows another model."""
        return replace(self, semantics=semantics, variant=variant)

    @property
    def model(self) -> str:
        """The semantics as they are written: ``sequential/bump``."""
        return f"{self.semantics}/{self.variant}" if self.variant else self.semantics


class Root(NamedTuple):
    """Where a root file system is to be read.

    within  a process whose user and mount namespaces it is to be read in; 0 for here
    layers  the diff directories that it is made of, lowest first; none where they can not be told
    """

    path: str
    within: int = 0
    layers: tuple[str, ...] = ()


Compose = Callable[[Image, str], Root]
"""From an image, and an empty directory to work in, to the root file system."""


class Engine(Protocol):
    """Something that makes an image's root file system. Every engine can be pickled.

    name     as it is asked for
    version  of the tool, "" where it has none
    root     whether it needs real root
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def traits(self) -> Traits: ...

    @property
    def root(self) -> bool: ...

    def session(self, home: str) -> AbstractContextManager[Compose]:
        """Ready to compose images one after another; a daemon runs as long as this lasts.

        home  an empty directory for stores, sockets and settings
        Called inside a private world that ends with the session, so nothing has to be cleaned up: neither
        processes nor mounts. `session` raises EngineError; what it yields raises Refused and EngineError.
        """
        ...


class Composed(NamedTuple):
    """What came of an image.

    tree          the root file system, None where the image was refused
    refused       in the tool's words; else ""
    layers        the diff directories that it is made of, lowest first; none where they can not be told.
                  Of an image that was refused, those of the layers below the one that it was refused with
    began, ended  ns since the epoch: what the tool stamped with the time of unpacking lies between
    """

    tree: Tree | None
    refused: str
    began: int
    ended: int
    layers: tuple[Tree, ...] = ()
