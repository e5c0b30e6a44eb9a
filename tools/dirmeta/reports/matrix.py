"""What `dirmeta compare` found, for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from dirmeta.judge.corpus import Named
from dirmeta.judge.matrix import REFUSED, Cell, Matrix, Row
from dirmeta.judge.measured import Change
from dirmeta.judge.results import RuleResult
from dirmeta.model import codec, listing
from dirmeta.reports.columns import aligned
from dirmeta.reports.terminal import EXPECTED, INDENT, failure_text

VERSION: Final = 1
_WIDTH: Final = 110
_SHORT: Final = 2
_VERDICTS: Final = ("fail", "error", "unverified", "noted", "expected", "pass", "observed", "n/a")
_NAMED: Final = _VERDICTS[:5]
_MARKS: Final = "+ as the subject declares, e not so, as expected, ! not so, r refused"
_CELLS: Final = "mode uid:gid mtime xattrs; now is the time of unpacking"


def matrix_text(matrix: Matrix) -> str:
    """A line a subject, the answers to each case, what is not to be had, each deviation, rules, the sum."""
    return "\n".join(_lines(matrix))


def _lines(matrix: Matrix) -> Iterator[str]:
    judged, cases = matrix.judged, matrix.cases
    if judged:
        yield from _matrix(judged, cases)
        yield ""
        yield from _answers(judged, cases)
        yield from _deviations(judged, cases)
    yield from _not_judged(matrix)
    yield from _ruled(matrix)
    yield from _expected(judged)
    yield from _stale(judged)
    yield ""
    yield f"{summary(matrix)}    ({matrix.seconds:.1f} s)"


def _not_judged(matrix: Matrix) -> Iterator[str]:
    others = [(row.status, row.subject, row.why) for row in matrix.rows if row.status != "judged"]
    if others:
        yield ""
        yield from aligned(others)


def _ruled(matrix: Matrix) -> Iterator[str]:
    """Which rules for unpackers each breaks, then each failure in full."""
    rows = [row for row in matrix.judged if row.rules]
    if not rows:
        return
    yield ""
    yield "the rules UNPACK-…"
    yield from aligned([(row.subject, _rules_words(row.rules)) for row in rows])
    for result, subjects in _alike(rows):
        yield ""
        yield failure_text(result)
        if subjects[1:]:
            yield f"so    {' '.join(subjects[1:])}"


def _alike(rows: Sequence[Row]) -> list[tuple[RuleResult, list[str]]]:
    """Each failure once, with all subjects that it is the same for."""
    found: dict[object, tuple[RuleResult, list[str]]] = {}
    for row in rows:
        for result in row.rules:
            if result.verdict == "fail":
                seen = tuple((each.id, each.where, each.want, each.saw) for each in result.witnesses[:1])
                found.setdefault((result.rule, seen), (result, []))[1].append(row.subject)
    return list(found.values())


def _rules_words(results: Sequence[RuleResult]) -> str:
    """``pass 10, fail EXACT ORDER, n/a 9``: counted where nothing is wrong, else named."""
    by_verdict: dict[str, list[str]] = defaultdict(list)
    for result in results:
        by_verdict[result.verdict].append(result.rule.partition("-")[2])
    return ", ".join(
        f"{verdict} {' '.join(by_verdict[verdict]) if verdict in _NAMED else len(by_verdict[verdict])}"
        for verdict in _VERDICTS
        if verdict in by_verdict
    )


def _matrix(rows: Sequence[Row], cases: Sequence[Named]) -> Iterator[str]:
    labels = _labels(cases)
    head = ("subject", "version", "declares", "consistent with", " ".join(labels))
    yield from aligned([head, *(_row_words(row, labels) for row in rows)])
    yield f"{_MARKS}"


def _labels(cases: Sequence[Named]) -> list[str]:
    """A name where it is short, else a number."""
    return [each.name if len(each.name) <= _SHORT else str(number) for number, each in enumerate(cases, 1)]


def _row_words(row: Row, labels: Sequence[str]) -> tuple[str, ...]:
    marks = (f"{_mark(cell):{len(label)}}" for cell, label in zip(row.cells, labels, strict=True))
    return row.subject, row.version, row.declares, _consistency(row), " ".join(marks)


def _consistency(row: Row) -> str:
    if not row.composed:
        return "nothing: all is refused" if any(cell.is_formed for cell in row.cells) else "nothing"
    if row.consistent:
        return ", ".join(row.consistent)
    nearest = max(row.agrees, key=row.agrees.__getitem__)
    return f"none; nearest {nearest} ({row.agrees[nearest]} of {row.composed} cases)"


def _mark(cell: Cell) -> str:
    if cell.saw == REFUSED:
        return "r"
    if not cell.deviations:
        return "+"
    return "e" if all(each.expected for each in cell.deviations) else "!"


def _answers(rows: Sequence[Row], cases: Sequence[Named]) -> Iterator[str]:
    """What is shown at the path of each case, the most frequent answer first, and by whom."""
    yield _CELLS
    for number, (named, label) in enumerate(zip(cases, _labels(cases), strict=True)):
        name = "" if label == named.name else f" {named.name}"
        yield f"{label}{name}  {named.path}: {named.title}"
        subjects: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            subjects[row.cells[number].saw].append(row.subject)
        for saw, who in sorted(subjects.items(), key=lambda item: -len(item[1])):
            start = f"   {saw}  "
            yield from _wrapped(" ".join(who), start, " " * len(start))


def _wrapped(words: str, start: str, then: str) -> list[str]:
    return textwrap.wrap(
        words, _WIDTH, initial_indent=start, subsequent_indent=then,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _deviations(rows: Sequence[Row], cases: Sequence[Named]) -> Iterator[str]:
    """Each deviation that nobody expects on a line, then the cases that show them."""
    lines = [
        (row.subject, row.declares, cell.case, each.path, f"want {each.want}", f"saw {each.saw}")
        for row in rows
        for cell in row.cells
        for each in cell.deviations
        if not each.expected
    ]
    if not lines:
        return
    yield ""
    yield from aligned([("deviates", "from", "", "at", "", ""), *lines])
    shown = {case: subject for subject, _, case, *_ in reversed(lines)}
    again = {(row.subject, cell.case): cell.again for row in rows for cell in row.cells}
    for named in cases:
        if named.name in shown:
            yield ""
            yield f"case {named.name}: {named.title}"
            yield from (f"{INDENT}{line}".rstrip() for line in listing.render(named.case).splitlines())
            yield f"again {again[shown[named.name], named.name]}"


def _expected(rows: Sequence[Row]) -> Iterator[str]:
    """Each reason for which something is expected, what it breaks, and whose it is."""
    reasons: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        for witness in row.expected:
            reasons[witness.note][witness.rule][row.subject] = None
    if reasons:
        yield ""
        yield EXPECTED
    for reason, rules in reasons.items():
        yield f"{INDENT}{reason}"
        for rule, subjects in rules.items():
            start = f"{INDENT}   {rule}  "
            yield from _wrapped(" ".join(subjects), start, " " * len(start))


def _stale(rows: Sequence[Row]) -> Iterator[str]:
    """What is said to be expected and is no longer so."""
    lines = [("stale", row.subject, why) for row in rows for why in row.stale]
    if lines:
        yield ""
        yield from aligned(lines)


def table_text(matrix: Matrix, changed: Sequence[Change]) -> str:
    """What every subject shows at the path of every case, and what in it is not as it was measured."""
    return "\n".join(_table_lines(matrix, changed))


def _table_lines(matrix: Matrix, changed: Sequence[Change]) -> Iterator[str]:
    head = ("subject", "version", *(f"{each.name} {each.path}" for each in matrix.cases))
    rows = [(row.subject, row.version, *(cell.saw for cell in row.cells)) for row in matrix.judged]
    yield from aligned([head, *rows])
    yield from _not_judged(matrix)
    if changed:
        yield ""
        yield from aligned([_change_words(each) for each in changed])


def _change_words(each: Change) -> tuple[str, ...]:
    with_version = f"measured with {each.version}, not judged" if each.version else "CHANGED"
    return with_version, each.subject, each.case, f"was {each.was}", f"saw {each.saw}"


def summary(matrix: Matrix) -> str:
    """``24 subjects judged, 2 deviate from the semantics they declare; 9 as expected, 3 n/a, 1 error``."""
    deviating = sum(row.deviates for row in matrix.judged)
    failing = sum(row.fails for row in matrix.judged)
    as_expected = sum(row.deviates_as_expected for row in matrix.judged)
    count = Counter(row.status for row in matrix.rows)
    stale = sum(bool(row.stale) for row in matrix.judged)
    rest = [f"{as_expected} as expected"] if as_expected else []
    rest += [f"{stale} with stale expectations"] if stale else []
    rest += [f"{count[status]} {status}" for status in ("n/a", "error") if count[status]]
    plural = "s" * (count["judged"] != 1)
    said = f"{count['judged']} subject{plural} judged, {deviating} deviate from the semantics they declare"
    said += f", {failing} break a rule" * any(row.rules for row in matrix.judged)
    return "; ".join((said, *filter(None, (", ".join(rest),))))


def matrix_json(matrix: Matrix, about: Mapping[str, str], status: int) -> str:
    """The same as JSON, an object a subject; ``dirmeta-matrix`` is the version of this form."""
    data: dict[str, Any] = {
        "dirmeta-matrix": VERSION,
        "about": about,
        "summary": summary(matrix),
        "exit": status,
        "seconds": round(matrix.seconds, 3),
        "cases": [_case(each) for each in matrix.cases],
        "subjects": [_row(row) for row in matrix.rows],
    }
    return json.dumps(data, indent=2, ensure_ascii=True) + "\n"


def _case(named: Named) -> dict[str, Any]:
    words = {"name": named.name, "title": named.title, "path": named.path}
    return {**words, "case": json.loads(codec.dumps(named.case))}


def _row(row: Row) -> dict[str, Any]:
    data = asdict(row)
    for cell in data["cells"]:
        cell["against"] = sorted(cell["against"])
    data["rules"] = [each.to_json() for each in row.rules]
    return {**data, "consistent": row.consistent, "seconds": round(row.seconds, 3)}
