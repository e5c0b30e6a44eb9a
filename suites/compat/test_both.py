"""One kernel with the feature and without it, by turns: marks change what they say, and nothing else."""

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import strategies
from dirmeta.judge.behaving import on_and_off
from dirmeta.judge.draw import Batch
from dirmeta.judge.family import family
from dirmeta.judge.moving import by_turns
from dirmeta.model.limits import Limits
from dirmeta.rules.seen import Behaviours, Pairs


def model(limits: Limits, count: int) -> SearchStrategy[Batch]:
    return strategies.model_batches(limits, count=count)


unmarked = family("COMPAT-UNMARKED", draws=model, does=on_and_off, sees=Behaviours, cases=96)

moves = family("COMPAT-MOVE", draws=model, does=by_turns, sees=Pairs, cases=96)
