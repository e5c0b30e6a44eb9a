"""A kernel without the feature, or a mount with it off: marks are neither heeded nor shown."""

from dirmeta.generate import strategies
from dirmeta.judge.experiments import laid_out
from dirmeta.judge.family import family

noop = family(
    "COMPAT-NOOP",
    draws=lambda limits, count: strategies.model_batches(limits, count=count),
    does=laid_out,
    cases=960,
    shards=2,
)
