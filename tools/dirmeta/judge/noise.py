"""Whose a line in the kernel log is.

The log is the whole machine's: mounts of the run's other workers, and of anybody else, write to it meanwhile.
"""

from __future__ import annotations

import re
from typing import Final

from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import observe
from dirmeta.judge.family import Family
from dirmeta.model.stack import Case, Layer
from dirmeta.rules.findings import KERNEL_LOG
from dirmeta.rules.registry import Check, Trial

TIMES: Final = 8
"""Chance has to write a line so often during one case, and as often not during the other."""


def is_its_own(check: Check, family: Family, case: Case, bench: Bench) -> bool:
    """Whether the case causes what is logged: some line comes each time with it, and never without."""
    empty = Case((Layer(),), case.setup)
    own = _lines(check, family, case, bench)
    for _ in range(TIMES):
        if not own:
            break
        own -= _lines(check, family, empty, bench)
        own &= _lines(check, family, case, bench)
    return bool(own)


def _lines(check: Check, family: Family, case: Case, bench: Bench) -> set[str]:
    """What the log says that breaks the rule, without its numbers."""
    seen = observe(family.does, case, bench.conditions, bench.lab)
    findings = bench.unexpected(check, Trial(case, seen, bench.terms))
    return {re.sub(r"\d+", "#", finding.saw) for finding in findings if finding.where == KERNEL_LOG}
