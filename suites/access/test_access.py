"""What users may do in a mounted stack: search, read, write, remove, change, inherit and move.

Programs of system calls by the owners, the groups, those whom ACLs name, strangers, and root without his
capabilities, each of which is granted or refused as the effective metadata says; also after it was changed,
in the same mount.
"""

from dirmeta.generate import programs
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.family import family
from dirmeta.judge.programs import operated
from dirmeta.rules.operated import ProgramSeen

users = family(
    "ACCESS-DAC",
    "ACCESS-NOWIDEN",
    "ACCESS-STICKY",
    "ACCESS-SETGID",
    "ACCESS-ACL",
    "ACCESS-OWNER",
    "ACCESS-MOVE",
    "COPYUP-CHANGE",
    draws=one_by_one(lambda limits: programs.cases(limits, mounter=3)),
    does=operated,
    sees=ProgramSeen,
    cases=192,
    pack=1,
    shards=2,
)

walks = family(
    "ACCESS-ACL",
    draws=one_by_one(lambda limits: programs.cases(limits, mounter=0, only_ask=True)),
    does=operated,
    sees=ProgramSeen,
    cases=48,
    pack=1,
)
