"""COMPAT: kernels without the feature."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dirmeta.model.mountoptions import OPTIONS
from dirmeta.rules.findings import KERNEL_LOG, Finding, differences
from dirmeta.rules.merging import merging_of
from dirmeta.rules.registry import Trial, judges
from dirmeta.rules.seen import Behaviour, Behaviours, StackSeen
from dirmeta.rules.words import describe

_OPTION: Final = re.compile("|".join(rf'{re.escape(name)}=|"{re.escape(name)}"' for name, _ in OPTIONS))


def _is_about_layers(line: str) -> bool:
    """Whether a line of the log is not about an option of some mount: the log is the whole machine's, and
    mounts with options that are of no use are made on purpose (MERGE-OPTIONS)."""
    return not _OPTION.search(line)


@judges("COMPAT-NOOP", StackSeen, {"unmarked below marked": 0.1}, local=True)
def marks_do_nothing(trial: Trial) -> Iterator[Finding]:
    """A kernel without the feature ignores and hides marks: topmost, no error, no log noise."""
    if trial.seen.failed:
        yield Finding("COMPAT-NOOP", "the mount", "mounted", trial.seen.failed)
    merging = merging_of(trial)
    for each in merging.differences if merging else ():
        yield Finding("COMPAT-NOOP", each.path, *describe(each), node=each.saw)
    for line in filter(_is_about_layers, trial.seen.noise or ()):
        yield Finding("COMPAT-NOOP", KERNEL_LOG, "silence", line)


class Unlike(NamedTuple):
    """One thing in which a stack behaved otherwise. what: its sort, for people; first, second: in words."""

    what: str
    path: str
    first: str
    second: str


@judges("COMPAT-UNMARKED", Behaviours, {"several layers": 0.3}, local=True)
def behaves_alike(trial: Trial) -> Iterator[Finding]:
    """A stack without marks behaves the same both ways: view, errnos, st_ino and raw upper."""
    seen: Behaviours = trial.seen
    one, other = seen.names
    for each in unlike(seen.first, seen.second, trial.terms.granularity):
        want, saw = f"{each.first}    {one}: {each.what}", f"{each.second}    {other}"
        yield Finding("COMPAT-UNMARKED", each.path, want, saw)


def unlike(first: Behaviour, second: Behaviour, granularity: int) -> Iterator[Unlike]:
    """Everything in which two behaviours differ; that a mount fails is never alike."""
    if first.failed or second.failed:
        yield Unlike("mounting", "the mount", first.failed or "mounted", second.failed or "mounted")
        return
    for moment, tree in first.trees.items():
        for each in differences(tree, second.trees[moment], granularity):
            yield Unlike(f"{each.name or each.what} {moment}", each.path, *describe(each))
    for path, answers in first.answers.items():
        for call, answer in answers.items():
            if answer != second.answers[path][call]:
                yield Unlike(call, path, answer, second.answers[path][call])
    for path in sorted(first.facts.keys() | second.facts.keys()):
        one, other = (each.facts.get(path, frozenset()) for each in (first, second))
        for fact in sorted(one ^ other):
            words = ("holds", "does not hold")
            yield Unlike(fact, path, *(words if fact in one else reversed(words)))
