"""`dirmeta run --update-expectations`: a subject's file, written anew."""

from __future__ import annotations

from collections.abc import Sequence

from dirmeta.judge import expectations
from dirmeta.judge.opening import UsageError, Wanted, open_bench
from dirmeta.judge.results import RuleResult
from dirmeta.judge.updating import updated, writable
from dirmeta.subjects.base import Subject


def update(asked: Wanted, subject: Subject, results: Sequence[RuleResult]) -> str:
    """Write what a run has learned to the subject's file; what was done, in words."""
    file = writable(subject.name)
    learned = [witness for result in results for witness in result.deviations]
    bench = open_bench(asked, subject)
    try:
        new = updated(bench, subject, expectations.load(subject.name), learned, asked.selected())
    finally:
        bench.lab.close()
    try:
        expectations.write(file, new.entries)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; the expectations were not written") from None
    return f"{file}: {new}"
