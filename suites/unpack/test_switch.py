"""The feature switched off in the unpacker."""

from dirmeta.generate import strategies
from dirmeta.judge.family import family
from dirmeta.judge.variations import unpacked_twice
from dirmeta.rules.seen import Twice

switch = family(
    "UNPACK-OFF",
    draws=lambda limits, count: strategies.batches(limits, count=count),
    does=unpacked_twice,
    sees=Twice,
    cases=160,
)
