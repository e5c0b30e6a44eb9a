"""What lies in the upper, and what shows, after something was written through a mount."""

from dirmeta.generate import programs
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.family import family
from dirmeta.judge.programs import cramped, operated
from dirmeta.rules.operated import CrampedSeen, ProgramSeen

fresh = family(
    "COPYUP-PRESERVE",
    "COPYUP-UNMARKED",
    "COPYUP-CHANGE",
    "COPYUP-MTIME",
    "COPYUP-RENAME",
    "COPYUP-RECREATE",
    "COPYUP-SELFMARK",
    "COPYUP-FAIL",
    "COPYUP-REUSE",
    draws=one_by_one(lambda limits: programs.cases(limits, mounter=6)),
    does=operated,
    sees=ProgramSeen,
    cases=96,
    pack=1,
    shards=2,
)

full = family(
    "COPYUP-FAIL",
    "COPYUP-PRESERVE",
    draws=one_by_one(lambda limits: programs.cases(limits, mounter=7, cramped=True)),
    does=cramped,
    sees=CrampedSeen,
    lacks=programs.lacks_room_to_fill,
    cases=32,
    pack=1,
)

reused = family(
    "COPYUP-UPPERMARK",
    "COPYUP-MTIME",
    "COPYUP-RENAME",
    "COPYUP-FAIL",
    "COPYUP-REUSE",
    draws=one_by_one(lambda limits: programs.cases(limits, mounter=6, reused=True)),
    does=operated,
    sees=ProgramSeen,
    cases=64,
    pack=1,
)
