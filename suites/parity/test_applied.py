"""Layers applied one over another into one directory: by GNU tar, and by real drivers that do it so.

GNU tar is there always. The drivers get what all of them can be expected to do right: times between 1970
and 2038, and nothing that one layer both hides and has.
"""

from dirmeta.generate.parity import TIMES, agreeing, unreplaced
from dirmeta.judge.engines import lacking
from dirmeta.judge.family import Family, family
from dirmeta.judge.parity import Beside, drawn
from dirmeta.rules.seen import Sights

TAR = "sequential:tar"


def beside(engine: str) -> Family:
    """A family for one real driver."""
    return family(
        "PARITY-DRIVERS",
        draws=drawn(lambda case, limits: unreplaced(agreeing(case)), times=TIMES),
        does=Beside(engine),
        sees=Sights,
        lacks=lambda limits: lacking(engine),
        cases=48,
    )


tar = family(
    "PARITY-DRIVERS",
    "PARITY-OPAQUE",
    draws=drawn(lambda case, limits: agreeing(case)),
    does=Beside(TAR),
    sees=Sights,
    lacks=lambda limits: lacking(TAR),
)

btrfs = beside("btrfs:tar")
storage_vfs = beside("containers-storage,driver=vfs")
podman_vfs = beside("podman,driver=vfs")
containerd_native = beside("containerd,snapshotter=native")
umoci = beside("umoci")
