"""What marks must not change: names, identity numbers, and the same view in every way of mounting."""

from hypothesis.strategies import SearchStrategy

from dirmeta.generate import special, strategies
from dirmeta.judge.draw import Batch, one_by_one
from dirmeta.judge.family import family
from dirmeta.judge.identity import asked_by_a_stranger, asked_in_every_way, copied_up, identified
from dirmeta.judge.marks import twin_without_marks
from dirmeta.judge.variations import APPEND, nested, nested_across, on_backings, with_options
from dirmeta.model.limits import Limits
from dirmeta.rules.seen import Guarantees, Kept, Looks, Stranger, Views


def model(limits: Limits, count: int) -> SearchStrategy[Batch]:
    return strategies.model_batches(limits, count=count)


names = family("MERGE-NAMES", draws=model, does=twin_without_marks, sees=Views, cases=160)

identity = family("MERGE-INO", draws=model, does=identified, sees=Guarantees, cases=96)

agreement = family("MERGE-AGREE", draws=model, does=asked_in_every_way, sees=Looks, cases=96)

privacy = family("MERGE-PRIVATE", draws=model, does=copied_up, sees=Kept, cases=160)

nesting = family("MERGE-NESTED", draws=model, does=nested, sees=Views, cases=96)

nesting_across = family("MERGE-NESTED", draws=model, does=nested_across, sees=Views, cases=96, both=True)

options = family(
    "MERGE-OPTIONS",
    draws=model,
    does=with_options(
        (),
        (("index", "on"),),
        (("index", "on"), ("nfs_export", "on"), ("redirect_dir", "nofollow")),
        (("xino", "auto"),),
        (("xino", "on"),),
        (("redirect_dir", "on"),),
        (("redirect_dir", "nofollow"),),
        (("redirect_dir", "on"), ("metacopy", "on")),
        (("redirect_dir", "on"), ("metacopy", "on"), ("verity", "on")),
        (("volatile", ""),),
        (("uuid", "off"),),
        (("uuid", "null"),),
        (("default_permissions", ""),),
        (("override_creds", ""),),
        (APPEND,),
    ),
    sees=Views,
    cases=96,
    pack=8,  # a batch has one namespace, and some options go with one alone
)

backing = family("MERGE-BACKING", draws=model, does=on_backings, sees=Views, cases=64, pack=8)

unreadable = family(
    "MERGE-UNREADABLE",
    draws=one_by_one(special.unreadable),
    does=asked_by_a_stranger,
    sees=Stranger,
    cases=16,
    pack=1,
    namespaces=("user",),
)
