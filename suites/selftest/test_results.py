"""What shards come to together, what a run's exit status says, and what reports show."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from dirmeta.judge.results import (
    Report,
    RuleResult,
    Verdict,
    Witness,
    common_error,
    exit_status,
    summary,
    together,
)
from dirmeta.reports.json import report_json
from dirmeta.reports.junit import report_junit
from dirmeta.reports.terminal import failure_text, report_text, rule_line

WITNESS = Witness(
    id="3f2a91",
    rule="MERGE-SOURCE",
    case={"dirmeta": 1},
    listing="layer 1   d/   0700\nlayer 2   d/f",
    where="d",
    want="0700 0:0 1970-01-01 00:00:00    layer 1, policy delegate",
    saw="0755 0:0 1970-01-01 00:00:00    layer 2, as policy topmost has it",
    blame="mount: all diff directories are as they should be",
    again="dirmeta replay 3f2a91",
)
FAILED = RuleResult("MERGE-SOURCE", "fail", "0755", 16, (WITNESS,))


@pytest.mark.parametrize(
    ("verdicts", "sum_"),
    [
        (("pass", "pass"), "pass"),
        (("pass", "n/a"), "pass"),
        (("n/a", "n/a"), "n/a"),
        (("pass", "unverified"), "unverified"),
        (("unverified", "error"), "error"),
        (("error", "fail"), "fail"),
        (("pass", "noted"), "noted"),
        (("observed", "pass"), "observed"),
    ],
)
def test_the_worst_verdict_of_a_rule_counts(verdicts: tuple[Verdict, ...], sum_: Verdict) -> None:
    assert together("MERGE-SOURCE", [RuleResult("MERGE-SOURCE", each) for each in verdicts]).verdict == sum_


def test_the_shard_that_needed_the_fewest_cases_says_how_soon() -> None:
    shards = [
        replace(FAILED, first_case=12, first_seconds=0.1),
        replace(FAILED, first_case=3, first_seconds=0.4),
        RuleResult("MERGE-SOURCE", "pass", cases=480),
    ]
    both = together("MERGE-SOURCE", shards)
    assert (both.first_case, both.first_seconds, both.cases) == (3, 0.4, 512)


def test_what_one_shard_lacks_another_may_have() -> None:
    lacking = RuleResult("UNPACK-MARK", "unverified", "too few", 16, needs={"x": (0, 0.1)})
    plenty = RuleResult("UNPACK-MARK", "pass", "", 16, needs={"x": (4, 0.1)})
    assert together("UNPACK-MARK", [lacking, plenty]).verdict == "pass"
    both = together("UNPACK-MARK", [lacking, lacking])
    assert (both.verdict, both.reason) == ("unverified", "'x' in 0 of 32 cases; 10% are needed")


def test_cases_add_up_and_witnesses_are_kept_once() -> None:
    both = together("MERGE-SOURCE", [FAILED, FAILED])
    assert both.cases == 32
    assert both.witnesses == (WITNESS,)


def test_what_was_observed_is_told_beside_the_verdict() -> None:
    seen = RuleResult("UNPACK-FORGED", "pass", cases=9, observed="a device is dropped (9 of 9)")
    assert rule_line(together("UNPACK-FORGED", [seen, seen])).endswith("; a device is dropped (9 of 9)")


def test_the_report_says_which_semantics_the_mounts_have() -> None:
    topmost = RuleResult("MERGE-NAMES", "pass", models={"topmost": True, "delegate": False}, compared=1024)
    report = Report({"kernel": "host"}, (topmost, RuleResult("MERGE-AGREE", "pass")))
    assert "\nmounts    consistent with topmost (1,024 cases)\n" in report_text(report)
    assert json.loads(report_json(report))["mounts"] == {"consistent": ["topmost"], "cases": 1024}
    assert 'name="mounts" value="consistent with topmost (1,024 cases)"' in report_junit(report)
    assert "mounts " not in report_text(Report({"kernel": "host"}, report.results[1:]))


def test_a_witness_that_may_not_be_minimal_says_so() -> None:
    coarse = replace(FAILED, witnesses=(replace(WITNESS, note="may not be minimal: why"),))
    assert "note  may not be minimal: why" in failure_text(coarse).splitlines()
    assert "note" not in failure_text(FAILED)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ((), 0),
        (("pass", "n/a", "noted", "observed", "expected"), 0),
        (("pass", "unverified"), 4),
        (("unverified", "error"), 3),
        (("error", "unverified", "fail"), 1),
    ],
)
def test_a_witnessed_failure_is_never_masked(verdicts: tuple[Verdict, ...], status: int) -> None:
    assert exit_status([RuleResult("MERGE-SOURCE", each) for each in verdicts]) == status


def test_the_sum_shows_every_denominator() -> None:
    verdicts: tuple[Verdict, ...] = ("pass", "pass", "unverified", "n/a", "fail")
    results = [RuleResult("MERGE-SOURCE", each) for each in verdicts]
    assert summary(results) == "2 of 4 applicable rules pass, 1 fail, 1 unverified; 1 n/a"


def test_one_reason_for_everything_is_told_once() -> None:
    broken = RuleResult("UNPACK-MARK", "error", "no such thing")
    assert common_error([broken, RuleResult("UNPACK-OFF", "error", "no such thing")]) == "no such thing"
    assert common_error([broken, RuleResult("UNPACK-OFF", "pass")]) == ""
    assert common_error([]) == ""


def test_a_result_survives_json() -> None:
    assert RuleResult.from_json(json.loads(json.dumps(FAILED.to_json()))) == FAILED


def test_a_failure_reads_in_the_order_a_person_asks() -> None:
    assert failure_text(FAILED).splitlines() == [
        "FAIL  MERGE-SOURCE  a merged directory reports its source's mode, uid, gid and mtime",
        "      layer 1   d/   0700",
        "      layer 2   d/f",
        "at    d",
        "want  0700 0:0 1970-01-01 00:00:00    layer 1, policy delegate",
        "saw   0755 0:0 1970-01-01 00:00:00    layer 2, as policy topmost has it",
        "blame mount: all diff directories are as they should be",
        "again dirmeta replay 3f2a91    (--keep DIR leaves tars, diff directories and the mount command)",
    ]


def test_a_line_tells_the_reason_where_a_rule_was_not_judged() -> None:
    line = rule_line(RuleResult("MERGE-SOURCE", "n/a", "kernel 6.1 does not claim the feature"))
    assert line.split() == [
        "n/a",
        "MERGE-SOURCE",
        "S",
        "kernel",
        "6.1",
        "does",
        "not",
        "claim",
        "the",
        "feature",
    ]


REPORT = Report({"kernel": "host \x1b"}, (FAILED, RuleResult("UNPACK-MARK", "unverified", "why")), 1.5)


def test_the_json_report_has_everything_the_terminal_shows() -> None:
    data = json.loads(report_json(REPORT))
    assert data["exit"] == 1
    assert data["summary"] in report_text(REPORT)
    assert [rule["id"] for rule in data["rules"]] == ["MERGE-SOURCE", "UNPACK-MARK"]
    assert data["rules"][0]["witnesses"][0]["listing"] == WITNESS.listing


def test_the_junit_report_is_xml_and_a_skip_is_no_pass() -> None:
    suite = ElementTree.fromstring(report_junit(REPORT))
    failed, skipped = suite.findall("testcase")
    assert failed.find("failure") is not None
    assert skipped.find("skipped") is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "1")
