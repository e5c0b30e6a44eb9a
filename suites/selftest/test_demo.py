"""`dirmeta demo bootc`: both listings, what differs in them, and what is said where it can not be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dirmeta import locations
from dirmeta.judge.demo import Shown, missing
from dirmeta.model.entries import Entry
from dirmeta.model.stack import Layer
from dirmeta.reports.demo import demo_text, differing
from dirmeta.sandbox.worker import Worker, WorkerError
from dirmeta.streams import oci
from dirmeta.subjects import subject
from dirmeta.subjects.engines import inside
from dirmeta.subjects.engines.applied import Applied
from dirmeta.subjects.engines.listing import Wanted, listing

from .worlds import skip_without

S = 10**9
BEFORE = """\
total 0
drwxr-xr-x 1 root root 60 2026-11-24 13:17:29.665199592 +0000 bin
drwxr-xr-x 2 root root 40 1970-01-01 00:00:00.000000000 +0000 a b
lrwxrwxrwx 1 root root  7 1970-01-01 00:00:00.000000000 +0000 lib -> usr/lib
"""
AFTER = BEFORE.replace("2026-11-24 13:17:29.665199592", "1970-01-01 00:00:00.000000000").replace("60", "  8")


def test_lines_differ_by_mode_owner_and_time_alone() -> None:
    assert differing(BEFORE, AFTER) == {"bin"}
    assert differing(BEFORE, BEFORE.replace("1 root root 60", "9 root root 99")) == frozenset()
    assert differing(BEFORE, BEFORE.replace("root  7", "staff 7")) == {"lib"}
    assert differing(BEFORE, BEFORE.replace("a b", "a c")) == {"a b", "a c"}


def test_what_differs_is_marked_in_the_second_listing() -> None:
    wanted = Wanted("layout", "usr")
    text = demo_text(wanted, Shown("stock 1", "6.12", BEFORE), Shown("patched 1", "6.12+", AFTER))
    before, after, told = text.split("\n\n")
    assert before.startswith("before: stock 1, kernel 6.12\n  $ ls -l --time-style=full-iso /usr\n")
    assert [line[0] for line in before.splitlines()[2:]] == [" ", " ", " "]
    assert [line[0] for line in after.splitlines()[2:]] == [">", " ", " "]
    assert told == "1 of 3 lines differ, marked >"
    same = demo_text(wanted, Shown("stock 1", "6.12", BEFORE), Shown("patched 1", "6.12+", BEFORE))
    assert same.endswith("nothing differs: no layer adds to a directory here without an entry for it")


def test_all_that_is_missing_is_named_with_what_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locations.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("dirmeta.subjects.engines.probe.found", lambda program: "")
    told = "; ".join(missing())
    assert "apt-get install containers-storage" in told
    assert "dirmeta subject build containers-storage" in told
    assert "dirmeta kernel build 6.12+dirmeta" in told
    assert ("sudo" in told) is (os.geteuid() != 0)


def demo(*words: str) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of `dirmeta demo bootc`."""
    ended = subprocess.run(
        [sys.executable, "-m", "dirmeta", "demo", "bootc", *words],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def skip_where_it_can_not_be_had() -> None:
    if lacking := list(missing()):
        pytest.skip("; ".join(lacking))


def test_the_image_that_comes_along_shows_the_base_s_metadata_only_with_the_feature() -> None:
    skip_where_it_can_not_be_had()
    status, said, _ = demo()
    assert status == 0
    before, after, told = said.split("\n\n")
    modes = {line.split()[-1]: line[2:12] for line in after.splitlines()[2:]}
    times = {line.split()[-1]: line.split()[-4] for line in after.splitlines()[2:]}
    assert set(times.values()) == {"1970-01-01"}
    assert (modes["libexec"], modes["local"]) == ("drwx--x--x", "drwxrwsr-x")
    assert before.count("1970-01-01") == 1
    assert told.startswith("4 of 5 lines differ")


def test_an_image_of_one_s_own_is_shown(tmp_path: Path) -> None:
    skip_where_it_can_not_be_had()
    base = Layer((Entry("opt/", "directory", 0o755), Entry("opt/x/", "directory", 0o700, 0, 7, S)))
    oci.write_layout((base, Layer((Entry("opt/x/f", "file"),))), tmp_path / "layout", compression="zstd")
    relative = os.path.relpath(tmp_path / "layout")
    status, said, _ = demo("--image", relative, "--directory", "/opt/")
    assert status == 0
    assert said.count("1970-01-01 00:00:01") == 1
    assert "1 of 1 lines differ" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--image", "/no/such"), "does not exist"),
        (("--image", "/proc/self"), "index.json"),
        (("--directory", "/"), "--directory /: a directory below the image's root is wanted, like /usr"),
        (("--directory", "/usr/../etc"), "a directory below the image's root is wanted"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(words: tuple[str, ...], says: str) -> None:
    status, _, complaint = demo(*words)
    assert (status, complaint.count("\n")) == (2, 1)
    assert complaint.startswith("dirmeta: ")
    assert says in complaint


def test_a_directory_that_an_image_lacks_is_told_by_its_name() -> None:
    stack = (Layer((Entry("a/b/c/", "directory"), Entry("a/l", "symlink", 0o777, target="/etc"))),)
    try:
        with Worker() as world:
            world.call(inside.start, Applied(subject("tar")))
            assert world.call(listing, Wanted(stack, "a/b")).split()[-1] == "c"
            with pytest.raises(WorkerError, match=r"^/a/x in the image: No such file or directory"):
                world.call(listing, Wanted(stack, "a/x"))
            with pytest.raises(WorkerError, match=r"^/a/l in the image: l is no directory; ask for another"):
                world.call(listing, Wanted(stack, "a/l"))
    except WorkerError as why:
        skip_without(why)
