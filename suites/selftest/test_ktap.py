"""KTAP as readers see it; the one here is strict: what ktap.rst of Linux 6.12 has, and no unknown lines."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirmeta.judge.results import RuleResult, Verdict, Witness
from dirmeta.reports.ktap import Ktap

RESULT = re.compile(r"(?P<word>ok|not ok) (?P<number>\d+) (?P<name>[^#]*?)(?: # (?P<said>.*))?")
KUNIT_STOPS = re.compile("List of all partitions:|Kernel panic - not syncing: VFS:|reboot: System halted")

WITNESS = Witness(
    id="3f2a91",
    rule="MERGE-SOURCE",
    case={"dirmeta": 1},
    listing="layer 1  d/   0700\nlayer 2  d/f  0644  # d/ implied",
    where="d",
    want="0700",
    saw="0755",
    blame="mount: all diff directories are as they should be",
    again="dirmeta replay 3f2a91",
)
FAILED = RuleResult("MERGE-SOURCE", "fail", "0755", 16, (WITNESS,))
ABOUT = {"kernel": "host 6.12"}
verdicts = st.sampled_from(get_args(Verdict))


# --- a reader of the format ---------------------------------------------------------------------------------


@dataclass
class Test:
    """A result line, with what stood before it."""

    __test__ = False
    name: str
    ok: bool
    said: str
    told: list[str] = field(default_factory=list)
    subtests: list[Test] = field(default_factory=list)


def read(text: str) -> list[Test]:
    """The tests of a whole KTAP text; ValueError where a line is of no kind or a number is wrong."""
    assert text.endswith("\n") or not text
    lines = text.split("\n")[:-1]
    tests = _tests(lines, "")
    if lines:
        raise ValueError(f"after the last test: {lines[0]!r}")
    return tests


def _tests(lines: list[str], indent: str) -> list[Test]:
    _next(lines, f"{indent}KTAP version 1")
    told = _diagnostics(lines, indent)
    plan = re.fullmatch(rf"{indent}1\.\.(\d+)", _next(lines))
    if not plan:
        raise ValueError("no plan")
    return [
        _test(lines, indent, number, told if number == 1 else []) for number in range(1, int(plan[1]) + 1)
    ]


def _test(lines: list[str], indent: str, number: int, told: list[str]) -> Test:
    told = told + _diagnostics(lines, indent)
    inner = indent + "  "
    subtests = _tests(lines, inner) if lines and lines[0].startswith(inner) else []
    told += _diagnostics(lines, indent)
    line = _next(lines)
    found = RESULT.fullmatch(line.removeprefix(indent))
    if not found or not line.startswith(indent) or int(found["number"]) != number:
        raise ValueError(f"not the result of test {number}: {line!r}")
    test = Test(found["name"], found["word"] == "ok", found["said"] or "", told, subtests)
    if test.ok and not all(each.ok for each in subtests):
        raise ValueError(f"{test.name} is ok, a subtest is not")
    return test


def _diagnostics(lines: list[str], indent: str) -> list[str]:
    told = []
    while lines and lines[0].startswith(f"{indent}# "):
        told.append(lines.pop(0).removeprefix(f"{indent}# "))
    return told


def _next(lines: list[str], wanted: str = "") -> str:
    if not lines:
        raise ValueError("it ends too early")
    if wanted and lines[0] != wanted:
        raise ValueError(f"{lines[0]!r} instead of {wanted!r}")
    return lines.pop(0)


@pytest.mark.parametrize(
    "text",
    [
        "1..1\nok 1 a\n",
        "KTAP version 1\nok 1 a\n",
        "KTAP version 1\n1..2\nok 1 a\n",
        "KTAP version 1\n1..1\nok 1 a\nok 2 b\n",
        "KTAP version 1\n1..1\nok 2 a\n",
        "KTAP version 1\n1..1\nOK 1 a\n",
        "KTAP version 1\n1..1\n  ok 1 a\n",
        "KTAP version 1\n1..1\n    KTAP version 1\n    1..1\n    ok 1 a\nok 1 A\n",
        "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 a\nok 1 A\n",
        "KTAP version 1\n1..1\nlayer 1\nok 1 a\n",
    ],
)
def test_the_reader_is_strict(text: str) -> None:
    with pytest.raises(ValueError, match=r"plan|instead|ends|after|not the result|is not"):
        read(text)


def test_the_reader_reads_what_the_format_has() -> None:
    text = "KTAP version 1\n1..2\n  KTAP version 1\n  # Subtest: A\n  1..1\n  # why\n  not ok 1 a # ERROR x\n"
    first, second = read(f"{text}# sum\nnot ok 1 A\nok 2 b # SKIP y\n")
    assert (first.name, first.ok, first.told) == ("A", False, ["sum"])
    assert first.subtests == [Test("a", False, "ERROR x", ["Subtest: A", "why"])]
    assert second == Test("b", True, "SKIP y")


# --- what is written ----------------------------------------------------------------------------------------


def ktap(results: Iterable[RuleResult]) -> str:
    stream = io.StringIO()
    results = list(results)
    with Ktap([result.rule for result in results], stream) as protocol:
        for result in results:
            protocol.tell(result, ABOUT)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("verdict", "ok", "said"),
    [
        ("pass", True, ""),
        ("noted", True, ""),
        ("expected", True, ""),
        ("observed", True, "SKIP observed: why"),
        ("n/a", True, "SKIP n/a: why"),
        ("unverified", True, "SKIP unverified: why"),
        ("fail", False, ""),
        ("error", False, "ERROR why"),
    ],
)
def test_every_verdict_has_its_line(verdict: Verdict, ok: bool, said: str) -> None:
    [family] = read(ktap([RuleResult("MERGE-SOURCE", verdict, "why")]))
    [rule] = family.subtests
    assert (rule.name, rule.ok, rule.said) == ("MERGE-SOURCE", ok, said)
    assert (family.name, family.ok, family.said.startswith("SKIP")) == ("MERGE", ok, said.startswith("SKIP"))


def test_a_failure_is_told_before_its_line() -> None:
    [family] = read(ktap([FAILED]))
    assert family.told == ["kernel: host 6.12"]
    assert family.subtests[0].told == [
        "Subtest: MERGE",
        "FAIL  MERGE-SOURCE  a merged directory reports its source's mode, uid, gid and mtime",
        "      layer 1  d/   0700",
        "      layer 2  d/f  0644  # d/ implied",
        "at    d",
        "want  0700",
        "saw   0755",
        "blame mount: all diff directories are as they should be",
        "again dirmeta replay 3f2a91    (--keep DIR leaves tars, diff directories and the mount command)",
    ]


def test_one_rule_that_fails_fails_its_family_only() -> None:
    unpack, merge = read(ktap([RuleResult("UNPACK-MARK", "pass"), RuleResult("MERGE-INO", "pass"), FAILED]))
    assert (unpack.ok, merge.ok) == (True, False)


def test_a_family_is_skipped_only_where_all_its_rules_are() -> None:
    skipped = RuleResult("MERGE-SOURCE", "n/a")
    assert [family.said for family in read(ktap([skipped, RuleResult("MERGE-INO", "pass")]))] == [""]
    assert read(ktap([skipped, RuleResult("MERGE-INO", "observed")]))[0].said.startswith("SKIP ")


def test_a_reason_of_several_lines_is_one() -> None:
    [family] = read(ktap([RuleResult("MERGE-SOURCE", "error", "no lab:\n  no room\n")]))
    assert family.subtests[0].said == "ERROR no lab:   no room"


@given(st.text(), verdicts)
def test_no_reason_is_taken_for_something_else(reason: str, verdict: Verdict) -> None:
    [family] = read(ktap([RuleResult("MERGE-SOURCE", verdict, reason)]))
    assert [rule.name for rule in family.subtests] == ["MERGE-SOURCE"]


@pytest.mark.parametrize(
    "reason",
    [
        "x\nok 2 MERGE-INO",
        "x # SKIP no",
        "guest lost: Kernel panic - not syncing: VFS: Unable to mount root fs",
        "guest lost: reboot: System halted",
        "\x1b[31mred\r",
    ],
)
def test_no_reason_ends_the_results(reason: str) -> None:
    lines = ktap([RuleResult("MERGE-SOURCE", "error", reason), RuleResult("MERGE-INO", "fail", reason)])
    [family] = read(lines)
    assert [rule.ok for rule in family.subtests] == [False, False]
    assert family.subtests[0].said.startswith("ERROR ") and " # " not in family.subtests[0].said
    assert not KUNIT_STOPS.search(lines)
    assert lines.replace("\n", "").isprintable()


# --- while it goes on ---------------------------------------------------------------------------------------

RULES = ("UNPACK-MARK", "UNPACK-OFF", "MERGE-SOURCE")


def test_a_rule_is_written_once_it_is_settled_and_its_family_has_its_turn() -> None:
    stream = io.StringIO()
    protocol = Ktap(RULES, stream)
    protocol.tell(RuleResult("UNPACK-OFF", "pass"), {})
    assert stream.getvalue().endswith("\n  # Subtest: UNPACK\n  1..2\n  ok 1 UNPACK-OFF\n")
    protocol.tell(RuleResult("MERGE-SOURCE", "pass"), {})
    assert "MERGE" not in stream.getvalue()
    protocol.tell(RuleResult("UNPACK-MARK", "pass"), {})
    assert [family.name for family in read(stream.getvalue())] == ["UNPACK", "MERGE"]


def test_an_interrupted_run_is_complete_and_not_ok() -> None:
    stream = io.StringIO()
    protocol = Ktap(RULES, stream)
    protocol.tell(RuleResult("UNPACK-OFF", "pass"), {})
    with pytest.raises(KeyboardInterrupt), protocol:
        raise KeyboardInterrupt
    unpack, merge = read(stream.getvalue())
    assert [(rule.name, rule.said) for rule in unpack.subtests + merge.subtests] == [
        ("UNPACK-OFF", ""),
        ("UNPACK-MARK", "ERROR interrupted"),
        ("MERGE-SOURCE", "ERROR interrupted"),
    ]


def test_a_run_that_never_began_writes_nothing() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Ktap(RULES, stream):
        raise KeyboardInterrupt
    assert stream.getvalue() == ""


@given(
    st.permutations([(rule, verdict) for rule, verdict in zip(RULES, ("pass", "fail", "n/a"), strict=True)])
)
def test_a_lost_run_lacks_tests_that_were_planned(order: list[tuple[str, Verdict]]) -> None:
    stream = io.StringIO()
    protocol = Ktap(RULES, stream)
    for rule, verdict in order:
        with pytest.raises(ValueError, match=r"ends|not the result"):
            read(stream.getvalue())
        protocol.tell(RuleResult(rule, verdict), {})
    assert sum(len(family.subtests) for family in read(stream.getvalue())) == len(RULES)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--rules", "MERGE-NESTED,MERGE-REDIRECT", "--examples", "64"), 0),
        (("--rules", "MERGE-SOURCE", "--examples", "16", "--expect", "delegate"), 1),
        (("--rules", "UNPACK-MARK,MERGE-NESTED", "--subject", "cmd:/bin/false"), 3),
        (("--rules", "COMPAT-NOOP,PARITY-*", "--examples", "4"), 4),
    ],
)
def test_a_run_writes_results_to_stdout_and_the_report_to_stderr(
    tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "dirmeta", "run", "--ktap", "-n", "0", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "DIRMETA_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert ended.returncode == status
    assert all(family.ok for family in read(ended.stdout)) is (status in (0, 4))
    for family in read(ended.stdout):
        for rule in family.subtests:
            assert status == 3 or re.search(rf"^[a-z/]+ +{rule.name} ", ended.stderr, re.MULTILINE)
