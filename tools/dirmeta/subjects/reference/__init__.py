"""The reference unpacker: every UNPACK rule, by acting on entries in the order of their stream.

It is the second, independent reading of SPEC.md: the oracle derives a diff directory from flat facts
about a layer, this one does to a directory what each entry asks and never looks ahead.
"""

from dirmeta.subjects.reference.directories import Refused
from dirmeta.subjects.reference.subject import Reference, unpack_layer
from dirmeta.subjects.reference.unpacker import Unpacker

__all__ = ["Reference", "Refused", "Unpacker", "unpack_layer"]
