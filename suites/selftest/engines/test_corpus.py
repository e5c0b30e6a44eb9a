"""The named cases, and what was measured of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from dirmeta.generate.features import features
from dirmeta.judge.corpus import Named, corpus, probes, read, read_probes, reported, without_owners
from dirmeta.judge.matrix import Cell, Row
from dirmeta.judge.measured import Change, changes, held, measured
from dirmeta.judge.opening import UsageError
from dirmeta.rules.registry import CHECKS
from dirmeta.rules.seen import StackSeen

GOOD = 'name = "A"\ntitle = "t"\npath = "a"\nlisting = "layer 1 a/b"\n'


def file(directory: Path, *cases: str) -> Path:
    path = directory / "cases.toml"
    path.write_text("".join(f"[[case]]\n{case}\n" for case in cases))
    return path


def shows(cases: tuple[Named, ...], **seen: str) -> Row:
    cells = tuple(Cell(each.name, seen.get(each.name, "?"), (), frozenset()) for each in cases)
    return Row("podman,driver=vfs", "judged", version="4.3.1", cells=cells)


def test_every_case_shows_a_directory_that_it_speaks_of() -> None:
    for each in corpus():
        entries = [entry for layer in each.case.stack for entry in layer]
        assert any(entry.path == each.path or entry.place.startswith(each.path + "/") for entry in entries)
    assert [each.name for each in corpus()] == list("ABCDEFGHIJKLM")


def test_bug_reports_that_can_share_an_image_are_asked_too() -> None:
    names = {each.name for each in reported()}
    assert "buildah_6503_tmp_sticky" in names
    assert "storage_743_root_mode" not in names


def test_owners_are_left_out_where_they_can_not_be_had() -> None:
    [disowned] = without_owners(corpus()[:1])
    assert {(entry.uid, entry.gid) for layer in disowned.case.stack for entry in layer} == {(0, 0)}


@pytest.mark.parametrize(
    ("cases", "says"),
    [
        ((GOOD, GOOD), "case A is there twice"),
        (
            (GOOD.replace("title", "tilte"),),
            "case A: it has exactly listing, name, path, title; look at tilte, title",
        ),
        ((GOOD.replace("a/b", "a/b a/b"),), "case A: "),
        (
            (GOOD.replace("a/b", "./"),),
            "case A: it can not share an image with others: ./ is about the layer root",
        ),
    ],
)
def test_a_case_that_will_not_do_is_named(tmp_path: Path, cases: tuple[str, ...], says: str) -> None:
    path = file(tmp_path, *cases)
    with pytest.raises(UsageError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: {says}")


def test_probes_have_what_rules_for_unpackers_need() -> None:
    cases = [each.case for each in (*corpus(), *probes())]
    had = frozenset().union(*map(features, cases))
    checks = [
        check for (rule, seen), check in CHECKS.items() if seen is StackSeen and rule.startswith("UNPACK")
    ]
    assert checks
    lacking = {check.rule: check.needs.keys() - had for check in checks if check.judge}
    assert {rule for rule, features in lacking.items() if features} == set()


def test_a_probe_may_be_what_no_image_is_shared_with_and_names_rules_there_are(tmp_path: Path) -> None:
    good = 'name = "r"\ntitle = "t"\nrules = ["UNPACK-ROOT"]\nlisting = "layer 1 ./"\n'
    [probe] = read_probes(file(tmp_path, good))
    assert (probe.is_about("UNPACK-ROOT"), probe.is_about("UNPACK-EXACT")) == (True, False)
    with pytest.raises(UsageError, match="case r: there is no rule 'UNPACK-NONE'"):
        read_probes(file(tmp_path, good.replace("ROOT", "NONE")))
    with pytest.raises(UsageError, match="case r: it can not be an image: its setup is not the usual one"):
        read_probes(file(tmp_path, good.replace("layer 1", "setup umask=077\\nlayer 1")))


def test_all_that_was_measured_is_of_cases_there_are() -> None:
    names = {each.name for each in corpus()}
    assert len(measured()) >= 25
    assert all(line.shows.keys() <= names for line in measured().values())


def test_a_cell_that_has_changed_is_told() -> None:
    table, cases = measured(), corpus()
    line = table["podman,driver=vfs"]
    assert list(changes([shows(cases, **line.shows)], table)) == []
    changed = shows(cases, **{**line.shows, "E": "0755 0:0 now"})
    assert list(changes([changed], table)) == [
        Change("podman,driver=vfs", "E", "1777 0:0 now", "0755 0:0 now", "")
    ]
    other = table | {"podman,driver=vfs": line._replace(version="5.0")}
    assert [each.version for each in changes([changed], other)] == ["5.0"]


def test_what_was_not_measured_has_no_changes_and_was_not_held_against_anything() -> None:
    assert list(changes([shows(corpus())], {})) == []
    assert held([shows(corpus())], {}) == (0, 0)


def test_it_is_counted_what_was_held_against_the_table() -> None:
    table = measured()
    line = table["podman,driver=vfs"]
    row = shows(corpus(), **line.shows)
    assert held([row], table) == (len(line.shows), 0)
    assert held([replace(row, version="5.0")], table) == (0, len(line.shows))
    assert held([replace(row, subject="engine:x")], table) == (0, 0)
    assert held([replace(row, status="n/a", cells=())], table) == (0, 0)
    assert held([], table).words(252) == "0 of 252 measured cells compared"
