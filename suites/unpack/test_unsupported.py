"""A file system that can hold no xattr, and so no mark."""

from dirmeta.generate import strategies
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.experiments import unpacked_without_xattrs
from dirmeta.judge.family import family

bare = family(
    "UNPACK-UNSUPPORTED",
    draws=one_by_one(lambda limits: strategies.cases(limits, max_layers=1)),
    does=unpacked_without_xattrs,
    cases=32,
    pack=1,
)
