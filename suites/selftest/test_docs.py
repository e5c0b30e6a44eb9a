"""What the documentation says of programs is what there is."""

from __future__ import annotations

import json
import re

import pytest

from dirmeta import locations
from dirmeta.model import codec, listing, program
from dirmeta.model.stack import Case
from dirmeta.rules.catalogue import catalogue

PAGE = locations.suites().parent / "docs/programs.md"
HEAD = "| operation | arguments | what is done |"


@pytest.fixture(scope="module")
def page() -> str:
    if not PAGE.is_file():
        pytest.skip("docs/programs.md is not part of an installed package")
    return PAGE.read_text("utf-8")


def documented(page: str) -> dict[str, list[str]]:
    """Operation → its arguments as written, of the one table that has them."""
    lines = page.partition(HEAD)[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0].strip("`"): row[1].split() for row in rows}


def test_every_operation_is_documented_with_its_arguments(page: str) -> None:
    assert documented(page) == {
        name: [f"`{each}`" for each, _ in kind.arguments] + [f"[`{each}`]" for each, _ in kind.optional]
        for name, kind in program.OPERATIONS.items()
    }


def test_every_word_that_an_argument_can_be_is_documented(page: str) -> None:
    table = page.partition(HEAD)[2]
    words = {word for values in program.WORDS.values() for word in values}
    assert {word for word in words if f"`{word}`" not in table} == set()


def test_its_listing_is_a_case_whose_program_can_be(page: str) -> None:
    text = page.split("```\n")[1]
    case = listing.parse(text)
    assert [operation.op for operation in case.program] == re.findall(r"^then +(\S+)", text, re.MULTILINE)
    assert [program.wrong(operation) for operation in case.program] == [""] * len(case.program)


def test_its_json_is_the_listing_s_first_operation(page: str) -> None:
    operation = json.loads(page.partition("```json\n")[2].partition("```")[0])
    case = codec.from_json({"dirmeta": codec.VERSION, "stack": [[]], "program": [operation]})
    assert case == Case(case.stack, program=listing.parse(page.split("```\n")[1]).program[:1])


@pytest.fixture(scope="module")
def readme() -> str:
    path = PAGE.parents[1] / "README.md"
    if not path.is_file():
        pytest.skip("README.md is not part of an installed package")
    return path.read_text("utf-8")


def test_the_readme_leads_there(readme: str) -> None:
    assert "](docs/programs.md)" in readme


def test_the_readme_counts_the_rules(readme: str) -> None:
    assert re.findall(r"in (\d+) numbered rules", readme) == [str(len(catalogue()))]


def test_the_readme_names_what_is_not_checked_of_the_families_it_claims(readme: str) -> None:
    claimed = ("UNPACK", "MERGE", "ACCESS", "COPYUP")
    missing = [rule.id for rule in catalogue().values() if rule.family in claimed and not rule.checked]
    assert missing == re.findall(r"copy-up but ([A-Z-]+)", readme)
