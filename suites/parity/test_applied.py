"""Layers applied one over another into one directory: by GNU tar, and by real drivers that do it so.

GNU tar is there always, drivers where they are installed; the report says which. The drivers get what all of
them can be expected to do right: times between 1970 and 2038, and nothing that one layer both hides and has.
"""

from dirmeta.generate.parity import TIMES, agreeing, unreplaced
from dirmeta.judge.engines import lacking, none_of
from dirmeta.judge.family import Family, family
from dirmeta.judge.parity import Beside, drawn
from dirmeta.rules.seen import Sights

TAR = "sequential:tar"
DRIVERS = (
    "btrfs:tar",
    "containers-storage,driver=vfs",
    "podman,driver=vfs",
    "containerd,snapshotter=native",
    "umoci",
)


def beside(engine: str) -> Family:
    """A family for one real driver. The rule is about drivers: where root has none, tar is too little."""
    return family(
        "PARITY-DRIVERS",
        draws=drawn(lambda case, limits: unreplaced(agreeing(case)), times=TIMES),
        does=Beside(engine),
        sees=Sights,
        lacks=lambda limits: lacking(engine),
        misses=lambda: none_of(DRIVERS, "apt-get install umoci"),
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

btrfs, storage_vfs, podman_vfs, containerd_native, umoci = map(beside, DRIVERS)
