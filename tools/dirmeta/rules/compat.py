"""COMPAT: kernels without the feature."""

from __future__ import annotations

from collections.abc import Iterator

from dirmeta.rules.findings import KERNEL_LOG, Finding
from dirmeta.rules.merging import merging_of
from dirmeta.rules.registry import Trial, judges
from dirmeta.rules.seen import StackSeen
from dirmeta.rules.words import describe


@judges("COMPAT-NOOP", StackSeen, {"unmarked below marked": 0.1}, local=True)
def marks_do_nothing(trial: Trial) -> Iterator[Finding]:
    """A kernel without the feature ignores and hides marks: topmost, no error, no log noise."""
    if trial.seen.failed:
        yield Finding("COMPAT-NOOP", "the mount", "mounted", trial.seen.failed)
    for line in trial.seen.noise or ():
        yield Finding("COMPAT-NOOP", KERNEL_LOG, "silence", line)
    merging = merging_of(trial)
    for each in merging.differences if merging else ():
        yield Finding("COMPAT-NOOP", each.path, *describe(each), node=each.saw)
