"""The files of expected deviations: what is refused, what is written, and those that come with the suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirmeta import locations
from dirmeta.judge import expectations
from dirmeta.judge.expectations import Expectation, ExpectationError, file_of, read, write
from dirmeta.model import listing
from dirmeta.subjects import SUBJECTS
from dirmeta.subjects.engines.table import ENGINES
from dirmeta.subjects.tartool import TarTool

FILES = sorted((locations.fixtures() / expectations.FOLDER).glob("*.toml"))
GOOD = {
    "rule": '"UNPACK-EXACT"',
    "reason": '"It has its reasons."',
    "link": '"https://example.org/1"',
    "versions": '">=1.34,<2"',
    "witness": '"layer 1  d/ 0700"',
}


def text(**changed: str | None) -> str:
    values = {**GOOD, **changed}
    return "[[expected]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value)


def reading(tmp_path: Path, content: str) -> tuple[Expectation, ...]:
    file = tmp_path / "tar.toml"
    file.write_text(content, "utf-8")
    return read(file)


def test_an_entry_is_read(tmp_path: Path) -> None:
    [entry] = reading(tmp_path, text())
    assert entry == Expectation(
        "UNPACK-EXACT", "It has its reasons.", "https://example.org/1", ">=1.34,<2", "",
        listing.parse("layer 1  d/ 0700"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x", "Expected '='"),
        ("", r"it holds entries under \[\[expected\]\]"),
        ("[expected]\n", r"it holds entries under \[\[expected\]\]"),
        (text() + "[other]\n", r"it holds entries under \[\[expected\]\]"),
        (text() + text(rule=None), "entry 2: rule: a text is wanted"),
        (text(reason="7"), "entry 1: reason: a text is wanted"),
        (text(extra='""'), "extra: no such key"),
        (text(rule='"UNPACK-NOTHING"'), "there is no 'UNPACK-NOTHING'"),
        (text(rule='"MERGE-SOURCE"'), "MERGE-SOURCE is not one that a subject can be seen to break"),
        (text(rule='"UNPACK-DUPLICATE"'), "UNPACK-DUPLICATE is not one that a subject can be seen to break"),
        (text(versions='"1.34"'), "versions: '1.34' is no bound"),
        (text(witness='"layer x"'), "witness: "),
        (text(witness='"(empty)"'), "witness: layers that are unpacked are wanted"),
        (
            text(rule='"sequential/none"'),
            "there is no 'sequential/none' in `dirmeta rules list`, nor among sem",
        ),
        (text(rule='"topmost"', witness='"layer 1 ./ 0700"'), "it can not share an image with others: ./ is"),
        (
            text(rule='"topmost"', witness='"setup umask=077\\nlayer 1 d/"'),
            "it can not share an image with others: its setup is not the usual one",
        ),
        (text(witness='"setup layout=model\\nlayer 1 d/"'), "witness: layers that are unpacked are wanted"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_one_line(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(ExpectationError, match=words) as caught:
        reading(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path}/tar.toml: ")
    assert "\n" not in str(caught.value)


def test_an_engine_is_asked_for_an_image(tmp_path: Path) -> None:
    file = tmp_path / "podman.toml"
    file.write_text(text(witness='"layer 1  ./ 0700"'), "utf-8")
    assert len(read(file)) == 1
    file.write_text(text(witness='"setup umask=077\\nlayer 1  d/"'), "utf-8")
    with pytest.raises(ExpectationError, match=r"podman.toml: entry 1: witness: it can not be an image: its"):
        read(file)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("tar,path=/bin/tar", "tar.toml"),
        ("flat:tar", "tar.toml"),
        ("overlay:containers-storage+dirmeta,driver=vfs", "containers-storage+dirmeta.toml"),
        ("podman,driver=vfs", "podman.toml"),
        ("cmd:./x", None),
        ("engine:./x", None),
        ("overlay:cmd:./x", None),
        ("../x", None),
    ],
)
def test_what_puts_another_subject_to_use_shares_its_file(spec: str, name: str | None) -> None:
    file = file_of(spec)
    assert (file and file.name) == name


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    odd = listing.parse('layer 1  "a\'\'\'b\\\\" 0600 content "x\\"y"\n         c/')
    entries = (
        Expectation(
            "UNPACK-NAMES", 'A "reason" with \\ and é.', "https://example.org", "", "driver=vfs", odd
        ),
        Expectation("UNPACK-EXACT", "", "", "==1.34", "", listing.parse("layer 1  d/f\n         d/")),
    )
    file = tmp_path / "some.toml"
    write(file, entries)
    assert read(file) == entries[::-1], "in the order of rules"
    write(file, ())
    assert read(file) == ()


@pytest.mark.parametrize(
    ("versions", "options", "name", "version", "speaks"),
    [
        (">=1.34", "", "tar", "1.34", True),
        (">=1.34", "", "tar", "1.33", False),
        ("", "driver=vfs", "tar,driver=vfs", "1", True),
        ("", "driver=vfs", "tar", "1", False),
        ("", "", "tar,driver=vfs", "1", True),
    ],
)
def test_an_entry_speaks_of_versions_and_options(
    versions: str, options: str, name: str, version: str, speaks: bool
) -> None:
    entry = Expectation("UNPACK-EXACT", "", "", versions, options, listing.parse("layer 1  d/"))
    assert entry.speaks_of(TarTool(name, "/bin/tar", version)) is speaks


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_entry_that_comes_with_the_suite_says_why_and_where_to_read_on(file: Path) -> None:
    assert file.stem in SUBJECTS or file.stem in ENGINES
    for number, entry in enumerate(read(file), 1):
        assert entry.reason.endswith("."), f"entry {number} lacks a sentence"
        assert entry.link.startswith("https://"), f"entry {number} lacks a link"


def test_there_are_such_files() -> None:
    assert FILES
