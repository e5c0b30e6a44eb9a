"""Layers that mean harm, or are not what layers may be."""

from dirmeta.generate import hostile, shaped
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.experiments import unpacked
from dirmeta.judge.family import family

escapes = family(
    "UNPACK-CONTAINED",
    draws=one_by_one(hostile.hostile),
    does=unpacked,
    cases=96,
    pack=1,
    shaped=True,
)

bystanders = family(
    "UNPACK-BYSTANDER",
    "UNPACK-SYMLINKPARENT",
    draws=one_by_one(shaped.bystanders),
    does=unpacked,
    cases=64,
    pack=1,
    shaped=True,
)

links = family(
    "UNPACK-LINKTARGET",
    draws=one_by_one(shaped.dangling),
    does=unpacked,
    cases=48,
    pack=1,
    shaped=True,
)

duplicates = family(
    "UNPACK-EXPLICIT",  # also with two entries for one directory
    "UNPACK-DUPLICATE",
    draws=one_by_one(shaped.duplicates),
    does=unpacked,
    cases=32,
    pack=1,
    shaped=True,
)
