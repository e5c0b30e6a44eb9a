"""What marks must not change: names, identity numbers, and the same view in every way of mounting."""

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import private, special, strategies
from dirmeta.judge.backings import on_backings
from dirmeta.judge.draw import Batch, one_by_one
from dirmeta.judge.family import family
from dirmeta.judge.identity import asked_by_a_stranger, asked_in_every_way, copied_up, identified
from dirmeta.judge.marks import twin_without_marks
from dirmeta.judge.mixes import mounted_variously
from dirmeta.judge.namespaces import nested, nested_across, used_as_ordinary
from dirmeta.model.limits import Limits
from dirmeta.rules.seen import Guarantees, Kept, Looks, Pairs, Stranger, Views


def model(limits: Limits, count: int) -> SearchStrategy[Batch]:
    return strategies.model_batches(limits, count=count)


def shown(limits: Limits, count: int) -> SearchStrategy[Batch]:
    """With many marks that a mount shows: of the namespace that it does not read, and escaped ones."""
    return strategies.model_batches(limits, count=count, forms=private.forms_to_show)


names = family("MERGE-NAMES", draws=model, does=twin_without_marks, sees=Views, cases=160)

identity = family("MERGE-INO", draws=model, does=identified, sees=Guarantees, cases=96)

agreement = family("MERGE-AGREE", draws=model, does=asked_in_every_way, sees=Looks, cases=96)

privacy = family("MERGE-PRIVATE", draws=model, does=copied_up, sees=Kept, cases=160)

nesting = family("MERGE-NESTED", draws=shown, does=nested, sees=Pairs, cases=96)

nesting_across = family("MERGE-NESTED", draws=shown, does=nested_across, sees=Pairs, cases=96, both=True)

other_namespace = family(
    "MERGE-NAMESPACE", draws=shown, does=used_as_ordinary, sees=Pairs, cases=96, both=True
)

options = family(
    "MERGE-OPTIONS",
    draws=model,
    does=mounted_variously,
    sees=Views,
    cases=96,
    pack=8,
)

backing = family(
    "MERGE-BACKING", "MERGE-OPTIONS", draws=model, does=on_backings, sees=Pairs, cases=32, pack=32
)

unreadable = family(
    "MERGE-UNREADABLE",
    draws=one_by_one(special.unreadable),
    does=asked_by_a_stranger,
    sees=Stranger,
    cases=16,
    pack=1,
    namespaces=("user",),
)
