"""`dirmeta compare` with files of expected deviations: what it exits with, and how it writes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dirmeta import locations
from dirmeta.cli.compare import compare_command
from dirmeta.cli.replay import replay
from dirmeta.judge.asking import is_root
from dirmeta.judge.expectations import ExpectationError, read
from dirmeta.judge.opening import UsageError

from ..worlds import skip_without
from .scripts import EXAMPLE, spoiled

if not shutil.which("tar"):
    pytest.skip("there is no GNU tar here", allow_module_level=True)

SUBJECT = "flat:tar"
LEFT = """
[[expected]]
rule = "sequential/bump"
reason = "Xattrs that are there are left."
link = "https://example.org"
versions = ""
witness = '''
layer 1  d/  xattr user.a=1
layer 2  d/
'''
"""
"""What GNU tar does, at its smallest: the named case K shows it."""
GONE = LEFT.replace("  xattr user.a=1", "")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tar's expectations are, elsewhere than those that come with the suite."""
    shutil.copytree(locations.fixtures() / "compare", tmp_path / "compare")
    (tmp_path / "subjects").mkdir()
    monkeypatch.setattr("dirmeta.locations.fixtures", lambda: tmp_path)
    return tmp_path / "subjects/tar.toml"


def compare(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """(exit status, stdout)."""
    with pytest.raises(SystemExit) as ended:
        compare_command.main(["--cases-only", "--subject", SUBJECT, *words], standalone_mode=False)
    said = capsys.readouterr().out
    if "world" in said:
        skip_without(said)
    return int(str(ended.value.code)), said


def test_what_no_file_names_exits_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = compare(capsys)
    assert status == 1
    assert f"--subject {SUBJECT}" in said


def test_what_a_file_names_exits_0_and_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(LEFT, "utf-8")
    status, said = compare(capsys)
    assert status == 0
    assert "Xattrs that are there are left. https://example.org" in said
    assert "1 subject judged, 0 deviate from the semantics they declare; 1 as expected" in said


@pytest.mark.skipif(not is_root(), reason="an ordinary user's run calls nothing stale")
def test_a_stale_entry_exits_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(LEFT + GONE, "utf-8")
    status, said = compare(capsys)
    assert status == 1
    line = "fixtures/subjects/tar.toml: entry 2: its witness does not break sequential/bump any more"
    assert f"stale  {SUBJECT}  {line}" in said


@pytest.mark.skipif(not is_root(), reason="an ordinary user's run calls nothing stale")
def test_an_update_writes_what_is_so_and_drops_what_is_not(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GONE, "utf-8")
    status, said = compare(capsys, "--update-expectations")
    assert status == 0
    assert said.startswith(f"{file}: 0 entries kept, 1 dropped, 1 added; write a reason and a link for each")
    [entry] = read(file)
    assert (entry.rule, entry.reason, entry.options) == ("sequential/bump", "", "")
    assert entry.versions.startswith("==")
    assert compare(capsys, "--update-expectations")[1].startswith("subject ")


def test_a_file_that_is_wrong_is_told_before_anything_runs(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(LEFT.replace("d/  xattr user.a=1", "./"), "utf-8")
    words = f"{file}: entry 1: witness: it can not share an image with others: ./ is about the layer root"
    with pytest.raises(ExpectationError, match=words):
        compare_command.main(["--subject", SUBJECT], standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--subject", "engine:/bin/true", "--update-expectations"),
            "engine:/bin/true: expectations are kept for subjects that have a name of their own",
        ),
        (
            ("--table", "--update-expectations"),
            "--table expects nothing but what was measured; leave --update-expectations out",
        ),
    ],
)
def test_what_can_not_be_updated_is_said(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError) as raised:
        compare_command.main(list(words), standalone_mode=False)
    assert str(raised.value) == says


def replayed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """(exit status, stdout)."""
    with pytest.raises(SystemExit) as ended:
        replay.main(list(words), standalone_mode=False)
    status, said = ended.value.code, capsys.readouterr()
    if "world" in said.err:
        skip_without(said.err)
    return int(str(status)), said.out


def test_a_case_that_deviates_can_be_replayed_by_its_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dirmeta.locations.results", lambda: tmp_path)
    spec = spoiled(tmp_path, 'chmod 0700 "$2"/*/tmp')
    with pytest.raises(SystemExit):
        compare_command.main(["--subject", spec, "--expect", "sequential/keep"], standalone_mode=False)
    said = capsys.readouterr().out
    if "world" in said:
        skip_without(said)
    again = next(line for line in said.splitlines() if line.startswith("again dirmeta replay "))
    assert again.endswith(f" --subject {spec} --expect sequential/keep")
    status, shown = replayed(capsys, *again.split()[3:])
    assert status == 1
    assert "want 1777 0:0" in shown
    assert "saw 0700 0:0" in shown


def test_an_engine_that_does_it_right_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    case = "layer 1  tmp/ 1777\nlayer 2  tmp/x"
    status, said = replayed(capsys, case, "--subject", f"engine:{EXAMPLE}", "--expect", "sequential")
    assert status == 0
    assert "1  tmp: the case above\n   1777 0:0 0  engine:" in said


def test_a_case_of_the_layer_root_and_one_that_is_not_well_formed_have_an_image_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = ("--subject", f"engine:{EXAMPLE}", "--expect", "sequential")
    assert replayed(capsys, "layer 1  ./ 0700\n         a/", *spec)[0] == 0
    _, said = replayed(capsys, "layer 1  a/\n         b -> a\n         b/c", *spec)
    assert "  nothing  " in next(line for line in said.splitlines() if line.startswith("engine:"))


@pytest.mark.parametrize(
    ("case", "words", "says"),
    [
        (
            "layer 1 a/",
            ("--kernel", "uml:6.12"),
            "--kernel says nothing of an engine, which is asked",
        ),
        ("layer 1 a/", ("--keep", "x"), "--keep and --script show what is done with single layers"),
        ("layer 1 a/", ("--expect", "x"), "--expect x: there are topmost, delegate, sequential/keep, "),
        ("(empty)\n", (), "an engine can not be asked for this case: it has no layers"),
        (
            "layer 1 a/\nthen chmod a mode=0700",
            (),
            "an engine can not be asked for this case: it has operations",
        ),
        (
            "setup umask=077\nlayer 1 a/",
            (),
            "an engine can not be asked for this case: its setup is not the usual one",
        ),
    ],
)
def test_what_an_engine_can_not_be_asked_is_said(case: str, words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError) as raised:
        replay.main([case, "--subject", f"engine:{EXAMPLE}", *words], standalone_mode=False)
    assert str(raised.value).startswith(says)
