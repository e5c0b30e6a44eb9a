"""Layers of files only, over bases that have all the directories: what bootc images are."""

from dirmeta.generate.parity import over_a_base, over_two_bases, with_all_parents
from dirmeta.judge.family import family
from dirmeta.judge.parity import drawn, on_and_off, over_each, stamped
from dirmeta.rules.seen import Sights

zero = family("PARITY-BOOTC", draws=drawn(over_a_base), does=stamped, sees=Sights, cases=96)

reuse = family("PARITY-REUSE", draws=drawn(over_two_bases), does=over_each, sees=Sights, cases=96)

chunkah = family("PARITY-CHUNKAH", draws=drawn(with_all_parents), does=on_and_off, sees=Sights, cases=96)
