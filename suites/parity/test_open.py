"""Where overlay and layers applied one over another mean different things, whatever the feature does."""

from dirmeta.generate import strategies
from dirmeta.generate.parity import over_others, with_a_root_marker
from dirmeta.judge.draw import one_by_one
from dirmeta.judge.engines import lacking
from dirmeta.judge.family import Family, family
from dirmeta.judge.parity import Beside, drawn, here
from dirmeta.rules.seen import Sights


def others(engine: str, cases: int) -> Family:
    """A family of what stands where a layer above implies a directory.

    Not packed: a link leads into other cases, and who refuses one case refuses the pack.
    """
    return family(
        "PARITY-SYMLINK",
        "PARITY-NONDIR",
        draws=drawn(lambda case, limits: over_others(case)),
        does=Beside(engine),
        sees=Sights,
        cases=cases,
        pack=1,
        lacks=lambda limits: lacking(engine),
    )


TAR = "sequential:tar"

with_tar = others(TAR, 48)
with_vfs = others("containers-storage,driver=vfs", 16)

root = family(
    "PARITY-ROOTOPQ",
    draws=one_by_one(lambda limits: strategies.cases(here(limits)).map(with_a_root_marker)),
    does=Beside(TAR),
    sees=Sights,
    cases=24,
    pack=1,
    lacks=lambda limits: lacking(TAR),
)
