"""Which layer's metadata a merged directory shows.

Diff directories are laid out straight from the model, with every kind of mark that a directory can carry,
and mounted.
"""

from dirmeta.generate import strategies
from dirmeta.judge.experiments import laid_out
from dirmeta.judge.family import family

source = family(
    "MERGE-SOURCE",
    "MERGE-FALLBACK",
    "MERGE-TOGETHER",
    "MERGE-ACL",
    "MERGE-XATTR",
    "MERGE-LOCAL",
    "MERGE-BARRIER",
    "MERGE-OPAQUE",
    "MERGE-EMPTIED",
    "MERGE-VALUE",
    "MERGE-NONDIR",
    "MERGE-NAMESPACE",
    "MERGE-PRIVATE",
    "MERGE-NAMES",
    draws=lambda limits, count: strategies.model_batches(limits, count=count),
    does=laid_out,
    cases=1920,
    pack=32,
    shards=4,
)
