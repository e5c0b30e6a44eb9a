"""Every stack of up to two layers over a, a/b and a/b/f, in every state; of three, one of each kind.

Without Hypothesis: the full profile goes through all of them, the quick one through an even sample.
"""

from dirmeta.generate import exhaustive
from dirmeta.judge.draw import Scope
from dirmeta.judge.experiments import laid_out
from dirmeta.judge.family import family

RULES = (
    "MERGE-SOURCE",
    "MERGE-FALLBACK",
    "MERGE-TOGETHER",
    "MERGE-NAMES",
)

two_layers = family(*RULES, draws=Scope(exhaustive.two_layers), does=laid_out, cases=960, pack=64, shards=4)

three_layers = family(
    *RULES, draws=Scope(exhaustive.three_layers), does=laid_out, cases=640, pack=64, shards=4
)
