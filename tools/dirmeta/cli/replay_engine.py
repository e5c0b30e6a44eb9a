"""One case again, asked of an engine: what `dirmeta compare` shows of it."""

from __future__ import annotations

import time
from typing import Any

from dirmeta.cli.compare import DEVIATES, missing_words
from dirmeta.cli.errors import ERROR, fail
from dirmeta.judge import expectations
from dirmeta.judge.asking import Asked, model_of
from dirmeta.judge.corpus import Named, probes, unaskable
from dirmeta.judge.matrix import Matrix, judge
from dirmeta.judge.opening import UsageError
from dirmeta.model import listing
from dirmeta.model.stack import Case
from dirmeta.options import OPTIONS
from dirmeta.reports.matrix import matrix_text
from dirmeta.subjects import UnknownSubject
from dirmeta.subjects.engines.base import TIMEOUT

_TAKEN = frozenset(("subject", "expect", "timeout"))


def replay_engine(case: Case, values: dict[str, Any]) -> int:
    """Ask the engine and report; the exit status, as `dirmeta compare` has it. No deviation is expected.

    values  the options given, by field
    """
    for option in OPTIONS:
        if values.get(option.field) and option.field not in _TAKEN:
            raise UsageError(f"{option.flag} says nothing of an engine, which is asked for root file systems")
    if why := unaskable(case):
        raise UsageError(f"an engine can not be asked for this case: {why}")
    began = time.monotonic()
    spec: str = values["subject"]
    named = (Named("1", "the case above", _shown(case), case, _rules(case, spec)),)
    print(f"{listing.render(case)}\n")
    try:
        row = judge(spec, Asked((spec,), named, values["timeout"] or TIMEOUT, model_of(values["expect"])))
    except UnknownSubject as why:
        raise UsageError(f"--subject {why}") from None
    if row.status != "judged":
        fail(missing_words([row]), ERROR)
    print(matrix_text(Matrix(named, (row,), time.monotonic() - began)), flush=True)
    return DEVIATES if row.is_unexpected else 0


def _rules(case: Case, spec: str) -> tuple[str, ...]:
    """The rules that alone are judged, where the case is one that is there for them; else none."""
    for each in probes():
        if each.case == case:
            return each.rules
    entries = [each for each in expectations.load(spec) if each.case == case]
    return () if any(each.is_of_semantics for each in entries) else tuple({each.rule for each in entries})


def _shown(case: Case) -> str:
    """The path that the report is to show: the deepest directory that some layer has something of."""
    directories = {path for layer in case.stack for path in (*layer.implied, *layer.explicit)}
    others = (path for layer in case.stack for path in layer.others)
    return max(sorted(directories), key=lambda path: path.count("/"), default=next(others, ""))
