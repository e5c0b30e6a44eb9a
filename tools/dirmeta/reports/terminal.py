"""Results on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dirmeta.judge.results import Report, RuleResult, Witness, consistent, summary
from dirmeta.rules.catalogue import catalogue

INDENT = "      "
REPLAY = "dirmeta replay "
EXPECTED = "expected, as stored witnesses have shown again"
KEEPS = "    (--keep DIR leaves tars, diff directories and the mount command)"
SCRIPTS = "    (--script FILE writes it as a shell script; --keep DIR leaves that, tars and diff directories)"


def failure_text(result: RuleResult) -> str:
    """A failure, in the order a person asks: what rule, which layers, where, wanted, seen, whose, again."""
    head = f"{result.verdict.upper():<6}{result.rule}  {catalogue()[result.rule].title}"
    if not result.witnesses:
        return f"{head}\n{INDENT}{result.reason}"
    return "\n\n".join([f"{head}\n{_witness(witness)}" for witness in result.witnesses[:1]])


def _witness(witness: Witness) -> str:
    lines = [f"{INDENT}{line}".rstrip() for line in witness.listing.splitlines()]
    lines += [
        f"at    {witness.where}",
        f"want  {witness.want}",
        f"saw   {witness.saw}",
        *(f"log   {line}" for line in witness.log),
        f"blame {witness.blame}",
        *([f"note  {witness.note}"] if witness.note else []),
        f"again {witness.again}{_aid(witness)}",
    ]
    return "\n".join(lines)


def _aid(witness: Witness) -> str:
    """What helps to go on by hand."""
    if not witness.again.startswith(REPLAY) or witness.case.get("setup", {}).get("raced"):
        return ""
    return SCRIPTS if witness.case.get("program") else KEEPS


def report_text(report: Report) -> str:
    """The whole report: what ran, a line a rule, failures in full, the sum."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    for name, words in report.about.items():
        yield f"{name:<9} {words}"
    if words := mounts_text(report.results):
        yield f"{'mounts':<9} {words}"
    yield ""
    yield from (rule_line(result) for result in report.results)
    for result in report.results:
        if result.verdict == "fail" or (result.verdict == "noted" and result.witnesses):
            yield ""
            yield failure_text(result)
    yield from _expected_lines(report.results)
    yield ""
    yield f"{summary(report.results)}    ({report.seconds:.1f} s)"


def _expected_lines(results: Sequence[RuleResult]) -> Iterator[str]:
    """Each reason for which something is expected, with the rules that it breaks."""
    rules: dict[str, dict[str, None]] = {}
    for result in results:
        for witness in result.witnesses if result.verdict == "expected" else ():
            rules.setdefault(witness.note, {})[result.rule] = None
    if rules:
        yield ""
        yield EXPECTED
    for reason, broken in rules.items():
        yield f"{INDENT}{', '.join(broken)}"
        yield f"{INDENT}   {reason}"


def mounts_text(results: Sequence[RuleResult]) -> str:
    """``consistent with topmost (1,024 cases)``: which semantics the mounts have, whatever is claimed."""
    models = consistent(results)
    if models is None:
        return ""
    cases = sum(result.compared for result in results)
    return f"consistent with {' or '.join(models) or 'no semantics known'} ({cases:,} cases)"


def rule_line(result: RuleResult) -> str:
    """One rule, its verdict and the reason for it."""
    rule = catalogue()[result.rule]
    words = rule.title if result.verdict in ("pass", "fail", "noted", "expected") else result.reason
    words += f", but for what is expected ({len(result.witnesses)})" * (result.verdict == "expected")
    words += f"; {result.observed}" if result.observed else ""
    cases = f"{result.cases:>6}" if result.cases else " " * 6
    return f"{result.verdict:<11}{rule.id:<21}{rule.status} {cases}  {words}".rstrip()
