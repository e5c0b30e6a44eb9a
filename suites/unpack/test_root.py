"""The layer root: with an entry of its own, and without."""

from dirmeta.generate import strategies
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.experiments import unpacked
from dirmeta.judge.family import family

roots = family(
    "UNPACK-ROOT",
    "UNPACK-ROOT-NONE",
    draws=one_by_one(lambda limits: strategies.cases(limits, max_layers=2, rooted=True)),
    does=unpacked,
    cases=64,
    pack=1,
)
