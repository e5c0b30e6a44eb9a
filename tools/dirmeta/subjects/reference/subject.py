"""The reference as a subject."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from dirmeta.model import overlayfs
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Semantics
from dirmeta.observe.steps import Unpacked
from dirmeta.streams import tar
from dirmeta.streams.errors import DecodeError
from dirmeta.subjects.reference.directories import Refused
from dirmeta.subjects.reference.unpacker import Unpacker
from dirmeta.subjects.watch import watched


def _unchanged(unpacker: Unpacker) -> None:
    """The reference itself."""


@dataclass(frozen=True)
class Reference:
    """The reference unpacker, or one that `change` has broken by replacing a method of it.

    change  is called with each new unpacker; a function of a module, so that it can be pickled
    """

    change: Callable[[Unpacker], object] = _unchanged
    name: str = "reference"

    version: ClassVar[str] = ""
    claims: ClassVar[frozenset[str]] = frozenset(("feature", "switch", "whiteouts"))
    semantics: ClassVar[Semantics] = "delegate"
    variant: ClassVar[str] = ""
    python: ClassVar[bool] = True

    def keeps(self, xattr: str) -> bool:
        return not overlayfs.is_overlay_private(xattr)

    def unpack(
        self, layer: bytes, dest: str, *, namespace: Namespace, delegate: bool, umask: int, work: str
    ) -> Unpacked:
        """See `Subject.unpack`. Sets the umask of the whole process while it runs.

        There is a canary only where the layer has a ``..``, without which it can not be reached.
        """
        before = os.umask(umask)
        try:
            if b".." in layer:
                return watched(work, lambda _: self._ending(layer, dest, namespace, delegate))
            return self._ending(layer, dest, namespace, delegate)
        finally:
            os.umask(before)

    def _ending(self, layer: bytes, dest: str, namespace: Namespace, delegate: bool) -> Unpacked:
        try:
            unpack_layer(layer, dest, namespace, delegate, self.change)
        except Refused as why:
            return Unpacked(1, f"{self.name}: {why}")
        except Exception as why:  # a crash, which is the subject's and never the suite's
            return Unpacked(1, f"{self.name}: {type(why).__name__}: {why}")
        return Unpacked(0)


def unpack_layer(
    layer: bytes,
    dest: str,
    namespace: Namespace,
    delegate: bool,
    change: Callable[[Unpacker], object] = _unchanged,
) -> None:
    """Unpack one layer's tar stream into the empty directory `dest`.

    delegate: whether implied directories are marked. Raises Refused, in one line, where the layer is not
    to be unpacked; what was made until then stays.
    """
    try:
        entries = tar.decode(layer)
    except DecodeError as why:
        raise Refused("layer", str(why)) from why
    unpacker = Unpacker(dest, namespace, delegate)
    try:
        change(unpacker)
        unpacker.unpack(entries)
    finally:
        unpacker.close()
