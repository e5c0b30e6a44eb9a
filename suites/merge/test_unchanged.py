"""What marks must not change: names, identity numbers, and the same view in every way of mounting."""

from dirmeta.generate import strategies
from dirmeta.judge.family import family
from dirmeta.judge.identity import asked_in_every_way, copied_up, identified
from dirmeta.judge.marks import twin_without_marks
from dirmeta.judge.variations import APPEND, nested, on_backings, with_options
from dirmeta.rules.seen import Guarantees, Kept, Looks, Views


def model(limits, count):
    return strategies.model_batches(limits, count=count)


names = family("MERGE-NAMES", draws=model, does=twin_without_marks, sees=Views, cases=160)

identity = family("MERGE-INO", draws=model, does=identified, sees=Guarantees, cases=96)

agreement = family("MERGE-AGREE", draws=model, does=asked_in_every_way, sees=Looks, cases=96)

privacy = family("MERGE-PRIVATE", draws=model, does=copied_up, sees=Kept, cases=160)

nesting = family("MERGE-NESTED", draws=model, does=nested, sees=Views, cases=160)

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
)

backing = family("MERGE-BACKING", draws=model, does=on_backings, sees=Views, cases=64)
