"""SPEC.md, for people, and the catalogue, for the suite, say the same to the letter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from dirmeta import locations
from dirmeta.model.semantics import ALLOWED, SEMANTICS, VARIANTS
from dirmeta.rules.catalogue import STATUS, catalogue, data

TITLE_LIMIT = 78
RULE_HEAD = ["id", "status", "rule", "source"]
POLICY_HEAD = ["policy", "values", "rules", "meaning"]
SEMANTICS_HEAD = ["semantics", "title", "meaning"]


@pytest.fixture(scope="module")
def spec() -> str:
    path = locations.suites().parent / "SPEC.md"
    if not path.is_file():
        pytest.skip("SPEC.md is not part of an installed package")
    return path.read_text("utf-8")


def cells(line: str) -> list[str]:
    """The cells of a table's row; a vertical bar within a cell is written with a backslash."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def rows(text: str, head: list[str]) -> Iterator[list[str]]:
    """The rows of all tables with these column titles, in order."""
    wanted = False
    for line in text.splitlines():
        row = cells(line) if line.startswith("|") else []
        if not row or row == head:
            wanted = bool(row)
        elif wanted and set(line) != set("|-"):
            yield row


def values(text: str) -> tuple[str, ...]:
    """A policy's values; none where any number will do."""
    return () if ", any " in text else tuple(re.findall(r"`(.*?)`", text))


def test_a_table_s_rows_are_read() -> None:
    text = "| a | b |\n|---|---|\n| x\\|y |  |\n\n| c |\n|---|\n| z |\n"
    assert list(rows(text, ["a", "b"])) == [["x|y", ""]]


def test_spec_and_catalogue_have_the_same_rules(spec: str) -> None:
    assert [row[0] for row in rows(spec, RULE_HEAD)] == list(catalogue())


def test_spec_and_catalogue_word_them_alike(spec: str) -> None:
    told = {row[0]: row[1:] for row in rows(spec, RULE_HEAD)}
    assert told == {rule.id: [rule.status, rule.text, rule.source] for rule in catalogue().values()}


def test_spec_explains_every_status(spec: str) -> None:
    assert [row[0] for row in rows(spec, ["status", "meaning"])] == list(STATUS)


def test_spec_and_catalogue_have_the_same_policies(spec: str) -> None:
    told = {row[0].strip("`"): (row[2].split(", "), row[3]) for row in rows(spec, POLICY_HEAD)}
    assert told == {row["name"]: (row["rules"], row["meaning"]) for row in data()["policy"]}


def test_spec_and_oracle_have_the_same_policies(spec: str) -> None:
    told = {row[0].strip("`"): values(row[1]) for row in rows(spec, POLICY_HEAD)}
    assert told == ALLOWED


def test_spec_has_each_policy_s_default_in_bold(spec: str) -> None:
    told = {row[0].strip("`"): re.findall(r"\*\*`(.*?)`\*\*", row[1]) for row in rows(spec, POLICY_HEAD)}
    assert told == {row["name"]: [row["values"][0]] for row in data()["policy"]}


def test_spec_and_oracle_have_the_same_semantics(spec: str) -> None:
    told = [row[0].strip("`") for row in rows(spec, SEMANTICS_HEAD)]
    assert tuple(told) == SEMANTICS


def test_spec_and_catalogue_explain_them_alike(spec: str) -> None:
    told = [[row[0].strip("`"), *row[1:]] for row in rows(spec, SEMANTICS_HEAD)]
    assert told == [[row["name"], row["title"], row["meaning"]] for row in data()["semantics"]]


def test_catalogue_and_oracle_have_the_same_variants() -> None:
    assert {row["name"]: tuple(row["variants"]) for row in data()["semantics"] if row["variants"]} == VARIANTS


def test_the_policies_that_a_rule_names_name_the_rule() -> None:
    by_rule = {(rule.id, name) for rule in catalogue().values() for name in rule.policy}
    by_policy = {(rule, row["name"]) for row in data()["policy"] for rule in row["rules"]}
    assert by_rule == by_policy


def test_titles_fit_on_a_report_s_line() -> None:
    assert [rule.title for rule in catalogue().values() if not 0 < len(rule.title) <= TITLE_LIMIT] == []


def test_titles_are_unique() -> None:
    counts = Counter(rule.title for rule in catalogue().values())
    assert [title for title, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("phrase", ["should", "must", "test that"])
def test_titles_state_facts(phrase: str) -> None:
    wrong = [rule.title for rule in catalogue().values() if re.search(rf"\b{phrase}\b", rule.title, re.I)]
    assert wrong == []


def test_a_rule_s_text_is_one_line() -> None:
    wrong = [rule.id for rule in catalogue().values() if rule.text != " ".join(rule.text.split())]
    assert wrong == []
