"""What every subject offers, whatever it runs."""

from __future__ import annotations

from typing import Final, Protocol

from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Semantics
from dirmeta.observe.steps import Unpacked

TIMEOUT: Final = 30.0
"""Seconds that one layer may take."""


class SubjectError(Exception):
    """A subject that can not be had; the text is one line that ends in the remedy."""


class UnknownSubject(SubjectError):
    """A subject, or an option of one, that does not exist."""


class Subject(Protocol):
    """Something that unpacks one layer into one directory. Every subject can be pickled.

    name       as a report prints it
    version    of the tool, "" where it has none
    claims     words: ``feature`` marks implied directories · ``switch`` the feature can be turned
               off · ``whiteouts`` writes overlayfs whiteouts and opaque xattrs · ``chunked``
    semantics  the model that it follows, and the variant of it ("" is the default one)
    python     whether it runs inside the process that calls it
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def claims(self) -> frozenset[str]: ...

    @property
    def semantics(self) -> Semantics: ...

    @property
    def variant(self) -> str: ...

    @property
    def python(self) -> bool: ...

    def keeps(self, xattr: str) -> bool:
        """Whether an entry's xattr of that name is meant to end on disk."""
        ...

    def unpack(
        self, layer: bytes, dest: str, *, namespace: Namespace, delegate: bool, umask: int, work: str
    ) -> Unpacked:
        """Unpack a plain tar file into the empty directory `dest`.

        work  the directory that holds `dest` and nothing else. The subject sees to it that there is a
              canary in it meanwhile; where that is changed, the trouble is ``escaped``
        Never raises for anything that the layer or the tool does.
        """
        ...
