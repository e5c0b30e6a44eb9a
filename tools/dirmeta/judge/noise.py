"""Whose a line in the kernel log is.

The host's log is the whole machine's: mounts of the run's other workers, and of anybody else, write to it
meanwhile. A guest's is the run's own. Both kernels may limit how often they say a thing, to ten times in five
seconds or to once, so that silence alone tells nothing.
"""

from __future__ import annotations

import re
import time
from typing import Final

from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import observe
from dirmeta.judge.family import Family
from dirmeta.labs.base import Lab
from dirmeta.model.stack import Case, Layer
from dirmeta.rules.findings import KERNEL_LOG, Finding
from dirmeta.rules.registry import Check, Trial

TIMES: Final = 8
"""Chance has to write a line so often during one case, and as often not during the other."""
PAUSE: Final = 6.0
"""Seconds after which printk's rate limit lets a line through again."""

wait = time.sleep


def is_its_own(check: Check, family: Family, case: Case, bench: Bench) -> bool:
    """Whether the case causes what is logged: some line comes with it, and not without.

    Where others write to the log as well: comes each time with it, and never without.
    """
    if is_the_labs_own(bench.lab):
        without = _said_of_nothing(check, family, case, bench)
        return bool(_lines(check, family, case, bench) - without)
    own = _lines(check, family, case, bench)
    for _ in range(TIMES):
        if not (own := own - _lines(check, family, _empty(case), bench)):
            break
        if not own & (said := _lines(check, family, case, bench)):  # silence may be that of a limit
            hear_again(bench.lab)
            said = _lines(check, family, case, bench)
        own &= said
    return bool(own)


def was_its_own(check: Check, family: Family, case: Case, finding: Finding, bench: Bench) -> bool:
    """Whether a line that was seen once, and not again, can only have been the case's."""
    if not is_the_labs_own(bench.lab):
        return False
    return _numberless(finding) not in _said_of_nothing(check, family, case, bench)


def hear_again(lab: Lab) -> None:
    """Let the kernel be one that says what it has said before."""
    if is_the_labs_own(lab):
        lab.close()  # its next run is with a new guest
    else:
        wait(PAUSE)


def is_the_labs_own(lab: Lab) -> bool:
    """Whether nobody else writes to the kernel log."""
    return lab.limits.caches


def _said_of_nothing(check: Check, family: Family, case: Case, bench: Bench) -> set[str]:
    """What a new guest says of a stack with nothing in it. To be asked first: a case uses up limits."""
    hear_again(bench.lab)
    return _lines(check, family, _empty(case), bench)


def _empty(case: Case) -> Case:
    return Case((Layer(),), case.setup)


def _lines(check: Check, family: Family, case: Case, bench: Bench) -> set[str]:
    """What the log says that breaks the rule, without its numbers."""
    seen = observe(family.does, case, bench.conditions, bench.lab)
    findings = bench.unexpected(check, Trial(case, seen, bench.terms))
    return {_numberless(finding) for finding in findings if finding.where == KERNEL_LOG}


def _numberless(finding: Finding) -> str:
    return re.sub(r"\d+", "#", finding.saw)
