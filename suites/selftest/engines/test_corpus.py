"""The named cases, and what was measured of them."""

from pathlib import Path

import pytest

from dirmeta.judge.corpus import Named, corpus, read, reported, without_owners
from dirmeta.judge.matrix import Cell, Row
from dirmeta.judge.measured import Change, changes, measured
from dirmeta.judge.opening import UsageError

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


def test_what_was_not_measured_has_no_changes() -> None:
    assert list(changes([shows(corpus())], {})) == []
