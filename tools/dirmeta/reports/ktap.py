"""Results as KTAP version 1 while a run goes on: a family of rules is a test, its rules are the subtests.

The form: Documentation/dev-tools/ktap.rst of the kernel; its reader: tools/testing/kunit/kunit.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, Self, TextIO

from dirmeta.judge.results import RuleResult, Verdict
from dirmeta.reports.terminal import failure_text
from dirmeta.rules.catalogue import catalogue

NOT_OK: Final[frozenset[Verdict]] = frozenset({"fail", "error"})
SKIPPED: Final[frozenset[Verdict]] = frozenset({"n/a", "unverified", "observed"})
EXPLAINED: Final[frozenset[Verdict]] = frozenset({"fail", "noted", "expected"})
"""Verdicts that diagnostic lines tell about; all others say what there is to say on the result line."""

# kunit.py reads no further than these words, wherever they stand; a guest's console may have them.
_END = re.compile("(List of all partitions|Kernel panic - not syncing: VFS|reboot): ?")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Ktap:
    """Writes each rule once it is settled; families in the order of the catalogue, one after the other.

    A context: where an exception ends a run that has begun, the rules left are not ok for that reason, so
    what was written is complete. A run that is killed leaves fewer tests than planned; readers see that.
    """

    def __init__(self, rules: Iterable[str], stream: TextIO) -> None:
        """`rules` are the ids of all that will be told."""
        self.stream = stream
        self.begun = False
        self.families: dict[str, Family] = {}
        for rule in rules:
            name = catalogue()[rule].family
            self.families.setdefault(name, Family(name, len(self.families) + 1)).rules.append(rule)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.begun and error is not None and not isinstance(error, OSError):
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            for family in self.families.values():
                for rule in family.left():
                    self.tell(RuleResult(rule, "error", reason), {})

    def tell(self, result: RuleResult, about: Mapping[str, str]) -> None:
        """Write that a rule is settled, after the words about the run if it is the first."""
        if not self.begun:
            self.begun = True
            self._write(("KTAP version 1", f"1..{len(self.families)}"))
            self._write(f"# {name}: {one_line(words)}" for name, words in about.items())
        self.families[catalogue()[result.rule].family].settled[result.rule] = result
        for family in self.families.values():
            self._write(family.lines())
            if family.left():
                break

    def _write(self, lines: Iterable[str]) -> None:
        self.stream.writelines(f"{line}\n" for line in lines)
        self.stream.flush()


class Family:
    """A family of rules as a test with subtests: its lines, each handed out once.

    settled  rule → result, in the order in which they came
    """

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.rules: list[str] = []
        self.settled: dict[str, RuleResult] = {}
        self.written = 0
        self.closed = False

    def left(self) -> list[str]:
        """The rules that are not settled."""
        return [rule for rule in self.rules if rule not in self.settled]

    def lines(self) -> Iterator[str]:
        """What can be said now and has not been said."""
        for result in list(self.settled.values())[self.written :]:
            if not self.written:
                yield from ("  KTAP version 1", f"  # Subtest: {self.name}", f"  1..{len(self.rules)}")
            self.written += 1
            yield from (f"  {line}" for line in rule_lines(self.written, result))
        if not self.closed and not self.left():
            self.closed = True
            yield self._sum()

    def _sum(self) -> str:
        verdicts = {result.verdict for result in self.settled.values()}
        if verdicts & NOT_OK:
            return f"not ok {self.number} {self.name}"
        skip = " # SKIP all of its rules are" if verdicts <= SKIPPED else ""
        return f"ok {self.number} {self.name}{skip}"


def rule_lines(number: int, result: RuleResult) -> Iterator[str]:
    """One rule as a subtest: diagnostic lines where they are of use, and the result line."""
    if result.verdict in EXPLAINED:
        yield from (f"# {one_line(line)}" for line in failure_text(result).splitlines())
    # Here a hash would begin another directive.
    reason = one_line(result.reason).replace("#", r"\#")
    directive = f" # SKIP {result.verdict}: {reason}" if result.verdict in SKIPPED else ""
    directive = f" # ERROR {reason}" if result.verdict == "error" else directive
    yield f"{'not ok' if result.verdict in NOT_OK else 'ok'} {number} {result.rule}{directive}"


def one_line(text: str) -> str:
    """The text on one line, in which no reader finds the end of the results."""
    line = " ".join(text.splitlines())
    return _END.sub(r"\1 - ", _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", line))
