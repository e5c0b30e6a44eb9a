"""Well-formed layers, from the tar stream to the mounted view: what users have every day.

Each layer is unpacked from its stream and held against the oracle's diff directory; then the stack is
mounted, and the view is held against what its diff directories, as they are, make of it.
"""

from dirmeta.generate import strategies
from dirmeta.judge.experiments import unpacked_and_mounted
from dirmeta.judge.family import family

layers = family(
    "UNPACK-PARENTS",
    "UNPACK-MARK",
    "UNPACK-EXPLICIT",
    "UNPACK-SPELLING",
    "UNPACK-EXACT",
    "UNPACK-EXACT-XATTR",
    "UNPACK-NAMES",
    "UNPACK-NOINHERIT",
    "UNPACK-WHITEOUT",
    "UNPACK-OPAQUE",
    "UNPACK-REPLACED",
    "UNPACK-REPLACED-MARK",
    "UNPACK-NAMESPACE",
    "UNPACK-FALLBACK",
    "MERGE-SOURCE",
    "MERGE-FALLBACK",
    "MERGE-TOGETHER",
    "MERGE-ACL",
    "MERGE-NAMES",
    "COMPAT-NOOP",
    draws=lambda limits, count: strategies.batches(limits, count=count),
    does=unpacked_and_mounted,
    cases=1280,
    pack=32,
    shards=4,
)
