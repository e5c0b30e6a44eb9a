"""Properties of delegation that need no oracle, the switch, and idmapped layers."""

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import strategies
from dirmeta.judge.draw import Batch
from dirmeta.judge.family import family
from dirmeta.judge.marks import id_mapped, marked_on_top, switched, written_out
from dirmeta.model.limits import Limits
from dirmeta.rules.seen import Switched, Views


def model(limits: Limits, count: int) -> SearchStrategy[Batch]:
    return strategies.model_batches(limits, count=count)


def mappable(limits: Limits, count: int) -> SearchStrategy[Batch]:
    """Ids below those that layers are mapped to; ACLs hold ids of their own, and are mapped with them."""
    return strategies.model_batches(
        limits._replace(acls=False, ids=limits.ids or (0, 7, 8, 1000)), count=count
    )


equivalence = family("MERGE-EQUIV", draws=model, does=written_out, sees=Views, cases=160)

monotony = family("MERGE-MONOTONE", draws=model, does=marked_on_top, sees=Views, cases=160)

switch = family("MERGE-SWITCH", draws=model, does=switched, sees=Switched, cases=160)

idmap = family("MERGE-IDMAP", draws=mappable, does=id_mapped, cases=64, pack=8)
