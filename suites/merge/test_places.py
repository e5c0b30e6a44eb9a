"""Directories in particular places: the mount root, redirects, data-only and very many layers."""

from dirmeta.generate import special, strategies
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.experiments import laid_out
from dirmeta.judge.family import family

root = family(
    "MERGE-ROOT",
    draws=one_by_one(lambda limits: strategies.model_cases(limits, rooted=True)),
    does=laid_out,
    cases=64,
    pack=1,
)

redirects = family(
    "MERGE-REDIRECT",
    draws=lambda limits, count: strategies.model_batches(limits, count=count, redirects=True),
    does=laid_out,
    cases=160,
    pack=1,  # an absolute redirect names a path from the root, which a pack would move
    namespaces=("trusted",),
)

data_only = family(
    "MERGE-DATAONLY",
    draws=one_by_one(special.with_data_layers),
    does=laid_out,
    cases=64,
    pack=1,
    namespaces=("trusted",),
)

depth = family(
    "MERGE-DEPTH",
    draws=one_by_one(special.deep),
    does=laid_out,
    cases=24,
    pack=1,
)
