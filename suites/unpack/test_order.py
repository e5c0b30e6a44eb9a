"""The order of a stream, and of unpacking, decides nothing."""

from dirmeta.generate import shaped, strategies
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.experiments import unpacked
from dirmeta.judge.family import family
from dirmeta.judge.variations import unpacked_together
from dirmeta.rules.seen import Twice

permutations = family(
    "UNPACK-ORDER",
    draws=one_by_one(shaped.orders),
    does=unpacked,
    cases=160,
)

together = family(
    "UNPACK-PARALLEL",
    draws=lambda limits, count: strategies.batches(limits, count=count),
    does=unpacked_together,
    sees=Twice,
    cases=160,
)
