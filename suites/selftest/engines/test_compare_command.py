"""`dirmeta compare` as users meet it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dirmeta.sandbox.diagnosis import in_user_namespace

from ..worlds import skip_without
from .scripts import EXAMPLE, script, spoiled


def compare(*words: str, path: str = os.environ["PATH"]) -> tuple[int, str, str]:
    """(exit status, stdout, stderr)."""
    ended = subprocess.run(
        [sys.executable, "-m", "dirmeta", "compare", *words],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def test_an_engine_that_follows_its_semantics_exits_0(tmp_path: Path) -> None:
    file = tmp_path / "matrix.json"
    status, said, _ = compare("--expect", "sequential", "--subject", f"engine:{EXAMPLE}", "--json", str(file))
    if "world" in said:
        skip_without(said)
    assert status == 0
    assert said.splitlines()[-1].startswith("1 subject judged, 0 deviate from the semantics they declare")
    data = json.loads(file.read_text())
    [subject] = data["subjects"]
    assert (data["exit"], subject["status"], subject["consistent"]) == (
        0,
        "judged",
        ["sequential/keep", "fixed/new"],
    )
    assert [cell["case"] for cell in subject["cells"]] == [case["name"] for case in data["cases"]]


def test_a_deviation_is_shown_with_its_case_and_exits_1(tmp_path: Path) -> None:
    spec = spoiled(tmp_path, 'chmod 0700 "$2"/*/tmp')
    status, said, _ = compare("--expect", "sequential/keep", "--subject", spec)
    if "world" in said:
        skip_without(said)
    assert status == 1
    assert "want 1777 0:0 1970-01-01 00:00:00  saw 0700 0:0 1970-01-01 00:00:00" in said
    assert "case E: a base has a sticky directory, a layer above only a file in it" in said


@pytest.mark.skipif(os.geteuid() != 0 or in_user_namespace(), reason="umoci's own check of root comes later")
def test_a_subject_asked_for_by_name_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    status, said, complaint = compare("--subject", "ostree", path=str(tmp_path))
    if "n/a" not in said:
        pytest.skip("ostree is in a system directory")
    assert (status, complaint) == (3, "dirmeta: ostree is not installed; apt-get install ostree\n")


def test_one_that_breaks_down_leaves_the_others_judged(tmp_path: Path) -> None:
    broken = f"engine:{script(tmp_path, 'exit 9')}"
    words = ("--expect", "sequential", "--subject", broken, "--subject", f"engine:{EXAMPLE}")
    status, said, complaint = compare(*words)
    if "world" in said:
        skip_without(said)
    assert status == 3
    assert "1 subject judged, 0 deviate from the semantics they declare; 1 error" in said
    assert (
        complaint == f"dirmeta: {broken}: fails the smoke check: engine.sh: exit status 9: it said nothing\n"
    )


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--subject", "nosuch"), 2, "--subject nosuch: there is no such subject; there are umoci, "),
        (("--subject", "engine:/no/such"), 3, "engine:/no/such: does not exist"),
        (("--expect", "x"), 2, "--expect x: there are topmost, delegate, sequential/keep, "),
        (("--timeout", "0"), 2, "--timeout 0: more than zero is wanted"),
        (("--json", "/no/such/file"), 2, "/no/such/file: its directory can not be written."),
    ],
)
def test_what_is_wrong_is_said_on_one_line(words: tuple[str, ...], status: int, says: str) -> None:
    ended, _, complaint = compare(*words)
    assert (ended, complaint.count("\n")) == (status, 1)
    assert complaint.startswith(f"dirmeta: {says}")


def test_a_table_of_nothing_that_was_measured_is_no_success() -> None:
    status, said, complaint = compare("--table", "--subject", f"engine:{EXAMPLE}")
    if "world" in said:
        skip_without(said)
    assert status == 4
    assert said.splitlines()[-1].startswith("0 of ")
    assert complaint == (
        "dirmeta: no subject is one that was measured in this version; nothing was verified\n"
    )


@pytest.mark.skipif(os.geteuid() != 0 or in_user_namespace(), reason="owners take root")
def test_the_table_holds_against_what_was_measured() -> None:
    status, said, _ = compare("--table", "--subject", "flat:tar", "--subject", "overlay:tar")
    if "n/a" in said:
        pytest.skip(said)
    assert status == 0
    assert "0750 7:8 now user.probe  0711 5:0 1000" in said
    assert said.splitlines()[-1].startswith("18 of ")
