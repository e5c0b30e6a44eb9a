"""The file of a regression: what is wrong in one is said on one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirmeta.cli.collector import judge
from dirmeta.judge import regression_files
from dirmeta.judge.facts import NOTHING, NOW, FactsError, facts
from dirmeta.judge.opening import Wanted
from dirmeta.judge.regression_files import RegressionError, load
from dirmeta.model.tree import Node

RIGHT = '''
title = "a title"
reports = ["containers/storage#1288"]
saw = "what was seen"
tool = "a tool"
semantics = "sequential/bump"
policies = { placeholder_mode = "0600" }
rules = ["UNPACK-MARK"]
layers = """
layer 1  d/  0750
layer 2  d/f
"""
shows = [{ path = "d", damaged = { mtime = "now" }, delegated = { mode = 0o750 } }]
'''
LAID_OUT = "setup layout=model\nlayer 1  d/  0750"


def write(folder: Path, text: str, name: str = "storage_1288_d.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    regression = load(write(tmp_path, RIGHT))
    assert (regression.name, regression.semantics, regression.variant) == (
        "storage_1288_d",
        "sequential",
        "bump",
    )
    assert regression.policies.placeholder_mode == "0600"
    assert len(regression.case.stack) == 2
    assert regression.contradictions() == []
    assert regression.remaining() == []


def test_who_refuses_a_layer_shows_nothing(tmp_path: Path) -> None:
    text = RIGHT.replace("sequential/bump", "strict").replace('mtime = "now"', 'kind = "nothing"')
    regression = load(write(tmp_path, text))
    assert regression.damaged is None
    assert regression.contradictions() == []


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('title = "a title"', "", "title: not given"),
        ('title = "a title"', 'title = ""', "title: words are wanted"),
        ('tool = "a tool"', 'tool = "a tool"\nfound = 1', "found: no such key"),
        ('tool = "a tool"', 'tool = "a tool', "at line 5"),
        ('["containers/storage#1288"]', "[]", "reports: a list with something in it"),
        ("containers/storage#1288", "storage 1288", "is not spelled like containers/storage#1288"),
        ("containers/storage#1288", "moby/moby#1288", "its name has to be moby_1288_ and a few words"),
        ("sequential/bump", "sequentially", "there are topmost, delegate, sequential/keep"),
        ("sequential/bump", "sequential/", "semantics: 'sequential/' is none"),
        ("placeholder_mode", "mode", "no policy is called mode"),
        ('"0600"', "600000", "policy placeholder_mode is an octal mode like 0755"),
        ('{ placeholder_mode = "0600" }', "0", "policies: a table like"),
        ("UNPACK-MARK", "UNPACK-MARKS", "rules: there is no 'UNPACK-MARKS'"),
        ("UNPACK-MARK", "MERGE-INO", "MERGE-INO is not judged by a look at a mounted stack"),
        ("layer 1  d/  0750", LAID_OUT, "nothing is unpacked with layout=model"),
        ("layer 1  d/  0750", "layer 1  d/  0799", "layers: line 1: '0799' is no mode"),
        ("layer 2  d/f", "layer 2  d/f\nthen unlink d/f", "is done on an overlay: topmost, not sequential"),
        ("layer 2  d/f", "layer 2  d/f\nthen rm d/f", "layers: operation 1: there is no operation 'rm'"),
        ("layer 2  d/f", "layer 2  d\n d/f", "layers: d/f lies below d"),
        (', delegated = { mode = 0o750 }', "", "shows: each has path, damaged and delegated"),
        ('path = "d"', "path = 1", "shows: a path is words"),
        ("mode = 0o750", 'mode = "0750"', "shows: d: mode is a number, like 0o1777"),
        ("mode = 0o750", "sticky = true", "shows: d: sticky is no fact"),
        ("{ mode = 0o750 }", "{}", "shows: d: what is seen is a table like"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_on_one_line(tmp_path: Path, right: str, wrong: str, says: str) -> None:
    assert right in RIGHT
    with pytest.raises(RegressionError) as raised:
        load(write(tmp_path, RIGHT.replace(right, wrong)))
    assert str(raised.value).startswith("storage_1288_d.toml: ")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "storage_1288_d.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(RegressionError, match=r"storage_1288_d\.toml: 'utf-8' codec"):
        load(path)


def test_a_run_tells_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, RIGHT.replace("UNPACK-MARK", "NOPE"))
    monkeypatch.setattr(regression_files, "directory", lambda: tmp_path)
    with pytest.raises(RegressionError, match="there is no 'NOPE'"):
        judge(Wanted(), {}, "0")


@pytest.mark.parametrize(
    ("table", "node", "unlike"),
    [
        ({"mode": 0o1777}, Node("directory", 0o1777), ""),
        ({"mode": 0o1777}, Node("directory", 0o755), "mode 0755"),
        ({"mode": 0o1777, "uid": 7}, Node("directory", 0o1777, 8), "uid 8"),
        ({"mtime": NOW}, Node("directory", mtime=None), ""),
        ({"mtime": NOW}, Node("directory", mtime=0), "mtime 1970-01-01 00:00:00"),
        ({"mtime": "1970-01-01 00:00:00.000000002"}, Node("directory", mtime=2), ""),
        ({"mtime": "1970-01-01 00:00:00.000000002"}, Node("directory"), "mtime 1970-01-01 00:00:00"),
        ({"kind": NOTHING}, None, ""),
        ({"kind": "symlink"}, None, "kind nothing"),
        ({"kind": "symlink", "target": "b"}, Node("symlink", target="a"), "target a"),
        ({"xattr": {"user.a": "b"}}, Node("directory", xattrs=(("user.a", b"b"),)), ""),
        ({"xattr": {"user.a": "b"}}, Node("directory"), "user.a None"),
        ({"xattr": {"user.a": False}}, Node("directory", xattrs=(("user.a", b"b"),)), 'user.a "b"'),
    ],
)
def test_facts_are_held_against_a_node(table: dict[str, object], node: Node | None, unlike: str) -> None:
    assert facts(table).unlike(node) == unlike


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "door"},
        {"uid": -1},
        {"uid": True},
        {"mtime": "then"},
        {"mtime": "1970-01-01 noon"},
        {"xattr": {"user.a": 1}},
        {"xattr": "a"},
    ],
)
def test_what_is_no_fact_is_told(table: dict[str, object]) -> None:
    with pytest.raises(FactsError):
        facts(table)
