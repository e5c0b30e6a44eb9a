"""Several processes stat, create, chmod and chown in the same delegated directories, and rename them.

What they leave in the mount and in the upper directory, and what they are answered, is what some serial order
of their operations comes to; and whoever looks meanwhile sees the metadata of one layer, or what was made of
it, never a mixture.
"""

from dirmeta.generate import races
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.family import family
from dirmeta.judge.races import raced
from dirmeta.rules.racing import RacesSeen

at_once = family(
    "COPYUP-PRESERVE",
    "COPYUP-UNMARKED",
    "COPYUP-UPPERMARK",
    "MERGE-TOGETHER",
    draws=one_by_one(races.cases),
    does=raced,
    sees=RacesSeen,
    cases=32,
    pack=1,
)
