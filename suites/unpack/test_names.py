"""Names and xattrs with a meaning of their own, and the edges of what a name may be."""

from dirmeta.generate import edges, hostile, shaped
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.experiments import unpacked
from dirmeta.judge.family import family

forged = family(
    "UNPACK-FORGED",
    draws=one_by_one(hostile.forged),
    does=unpacked,
    cases=96,
)

aufs = family(
    "UNPACK-WHFILES",
    draws=one_by_one(shaped.aufs_names),
    does=unpacked,
    cases=32,
    pack=1,
)

at_the_edge = family(
    "UNPACK-EDGE",
    draws=one_by_one(edges.edges),
    does=unpacked,
    cases=64,
    pack=1,
    shaped=True,
)
