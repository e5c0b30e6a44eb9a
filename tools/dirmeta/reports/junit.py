"""Results as JUnit XML, one test case a rule, for the CI systems that show that."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from dirmeta.judge.results import Report, RuleResult
from dirmeta.reports.terminal import failure_text, mounts_text
from dirmeta.rules.catalogue import catalogue

# XML 1.0 has no way to write other control characters, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report_junit(report: Report) -> str:
    """fail is a failure, error an error; n/a, unverified and observed are skipped with their reason; expected
    passes, with a witness on its standard output."""
    count = {
        verdict: sum(each.verdict == verdict for each in report.results) for verdict in ("fail", "error")
    }
    skipped = sum(each.verdict in ("n/a", "unverified", "observed") for each in report.results)
    suite = ElementTree.Element(
        "testsuite",
        name="dirmeta",
        tests=str(len(report.results)),
        failures=str(count["fail"]),
        errors=str(count["error"]),
        skipped=str(skipped),
        time=f"{report.seconds:.3f}",
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, words in report.about.items():
        ElementTree.SubElement(properties, "property", name=name, value=_clean(words))
    if words := mounts_text(report.results):
        ElementTree.SubElement(properties, "property", name="mounts", value=words)
    for result in report.results:
        _case(suite, result)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, result: RuleResult) -> None:
    family = catalogue()[result.rule].family
    case = ElementTree.SubElement(suite, "testcase", classname=f"dirmeta.{family}", name=result.rule)
    tag = {
        "fail": "failure",
        "error": "error",
        "n/a": "skipped",
        "unverified": "skipped",
        "observed": "skipped",
    }
    if result.verdict == "expected":
        ElementTree.SubElement(case, "system-out").text = _clean(failure_text(result))
    if result.verdict in tag:
        message = _clean(f"{result.verdict}: {result.reason}")
        element = ElementTree.SubElement(case, tag[result.verdict], message=message)
        if tag[result.verdict] != "skipped":
            element.text = _clean(failure_text(result))


def _clean(text: str) -> str:
    return _UNWRITABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
