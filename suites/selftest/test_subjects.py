"""Subjects that are programs, and the table they stand in."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dirmeta import locations
from dirmeta.labs import Lab, LabError, Wanted, lab
from dirmeta.model.entries import Entry
from dirmeta.model.oracle import diff_directory
from dirmeta.model.stack import Layer
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Job, Unpack, Unpacked, Walk
from dirmeta.streams.tar import encode
from dirmeta.subjects import ELSEWHERE, SUBJECTS, Subject, SubjectError, subject
from dirmeta.subjects.reference import Reference, Unpacker

S = 10**9
OUTSIDE = "wrote outside DEST: "
THERE_ARE = (
    f"there is no such subject; there are {', '.join(row.spelled for row in SUBJECTS.values())}{ELSEWHERE}"
)
REMEDY = "apt-get install tar, or give tar,path=PATH"
EXAMPLES = locations.fixtures() / "examples"
LAYERS = {
    "implied": Layer((
        Entry("usr/bin/foo", "file", 0o4755, mtime=S, content=b"foo"),
        Entry("./tmp/", "directory", 0o1777, mtime=-3 * S // 2),
        Entry("opt/a b/\udcff\n", "symlink", 0o777, mtime=S, target="/usr/bin/foo"),
        Entry("/usr//", "directory", 0o711, mtime=2 * S, xattrs=(("user.k", b"v"),)),
        Entry("opt/foo", "hardlink", 0o4755, mtime=S, target="./usr/bin/foo"),
    )),
    "whiteouts": Layer((
        Entry("p/.wh.q", "whiteout"),
        Entry(".wh.r", "whiteout"),
        Entry("r/s/x", "file"),
        Entry("d/.wh..wh..opq", "opaque"),
        Entry("d", "directory", 0o700, mtime=S),
        Entry("e/.wh..wh..opq", "opaque"),
        Entry(".wh.f", "whiteout"),
        Entry("f", "file"),
    )),
    "root": Layer((
        Entry("a/", "directory", 0o2755), Entry("a/b/c", "file"), Entry("./", "directory", 0o700),
    )),
    "empty": Layer(),
}  # fmt: skip


def results(host: Lab, *layers: Layer, delegate: bool = True) -> list[tuple[Unpacked, Tree]]:
    namespace = host.limits.namespaces[0]
    jobs = [Job((Unpack("l1", encode(layer), namespace, delegate), Walk("l1"))) for layer in layers]
    return [(ended, tree) for ended, tree in host.run(jobs)]  # type: ignore[misc]


@contextmanager
def host_with(unpacker: Subject) -> Iterator[Lab]:
    try:
        host = lab("host", Wanted(unpacker))
    except LabError as why:
        pytest.skip(str(why))
    try:
        yield host
    finally:
        host.close()


def run(unpacker: Subject, *entries: Entry) -> tuple[Unpacked, Tree]:
    with host_with(unpacker) as host:
        return results(host, Layer(entries))[0]


def script(directory: Path, text: str) -> str:
    """A ``cmd:`` subject of a shell script."""
    path = directory / "unpack.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"cmd:{path}"


# The examples


@pytest.mark.parametrize("example", ["unpack.py", "unpack.sh"])
def test_the_examples_unpack_as_the_oracle_says(example: str) -> None:
    if example == "unpack.sh" and not (shutil.which("setfattr") and shutil.which("tar")):
        pytest.skip("GNU tar or setfattr is missing; apt-get install tar attr")
    with host_with(subject(f"cmd:{EXAMPLES / example}")) as host:
        for delegate in (True, False):
            found = results(host, *LAYERS.values(), delegate=delegate)
            for layer, (ended, tree) in zip(LAYERS.values(), found, strict=True):
                expected = diff_directory(layer, namespace=host.limits.namespaces[0], delegate=delegate)
                root = {} if "" in layer.explicit else {"": tree[""]}
                assert ended == Unpacked(0)
                assert tree == expected | root


@pytest.mark.parametrize("example", ["unpack.py", "unpack.sh"])
def test_the_examples_refuse_with_a_reason(example: str) -> None:
    hostile = {
        "..": Layer((Entry("a/../../canary/x", "file"),)),
        "link": Layer((Entry("link", "symlink", target="../canary"), Entry("link/x", "file"))),
        "gone": Layer((Entry("x", "hardlink", target="gone"),)),
    }
    with host_with(subject(f"cmd:{EXAMPLES / example}")) as host:
        for word, (ended, _) in zip(hostile, results(host, *hostile.values()), strict=True):
            assert ended.status > 0
            assert ended.trouble == ""
            assert word in ended.message


# Programs


def test_a_program_is_given_the_protocol_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "1")
    spec = script(tmp_path, 'env > "$2/env"; cp "$1" "$2/layer"; echo "$#" > "$2/count"')
    ended, tree = run(subject(spec), Entry("x", "file"))
    assert ended == Unpacked(0)
    found = dict(line.split("=", 1) for line in tree["env"].content.decode().splitlines())
    assert found.keys() - {"PWD", "OLDPWD", "SHLVL", "_", "TMPDIR"} == {
        "PATH", "HOME", "LANG", "DIRMETA_NAMESPACE", "DIRMETA_DELEGATE",
    }  # fmt: skip
    assert found["DIRMETA_DELEGATE"] == "1"
    assert tree["layer"].content == encode(Layer((Entry("x", "file"),)))
    assert tree["count"].content == b"2\n"


def test_a_layer_can_not_be_written_by_the_program(tmp_path: Path) -> None:
    ended, _ = run(subject(script(tmp_path, 'echo x >> "$1"')))
    assert ended.status != 0


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("echo first >&2; echo 'last  ' >&2; exit 3", Unpacked(3, "exit status 3: first; last")),
        ("kill -KILL $$", Unpacked(-9, "signal 9")),
        ("touch $2/../canary/dir", Unpacked(0, f"{OUTSIDE}../canary/dir changed (mtime)", "escaped")),
        ("touch $2/../x; exit 1", Unpacked(1, f"{OUTSIDE}../x appeared", "escaped")),
        ("rmdir $2; ln -s / $2", Unpacked(0, f"{OUTSIDE}DEST is a symlink now", "escaped")),
        ("rmdir $2; echo x > $2; exit 1", Unpacked(1, f"{OUTSIDE}DEST is a file now", "escaped")),
        ("echo slow >&2; sleep 60", Unpacked(-9, "killed after 0.7 s", "timeout")),
    ],
)
def test_how_a_program_ended_is_told(tmp_path: Path, text: str, ended: Unpacked) -> None:
    assert run(subject(script(tmp_path, text), timeout=0.7))[0] == ended


def test_a_program_that_can_not_be_executed_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "unpack"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    ended, _ = run(subject(f"cmd:{path}"))
    assert (ended.message, ended.trouble) == ("No such file or directory", "cannot start")


def test_tar_leaves_whiteouts_as_files_and_sets_no_mark() -> None:
    ended, tree = run(subject("tar"), Entry("a/.wh.x", "whiteout"), Entry("b/", "directory", 0o1777, mtime=S))
    assert ended == Unpacked(0)
    assert tree["a/.wh.x"].kind == "file"
    assert (tree["b"].mode, tree["b"].mtime, tree["a"].xattrs) == (0o1777, S, ())


# A reference that was broken on purpose


def climb(unpacker: Unpacker) -> None:
    """Makes what it finds no place for beside the destination."""

    def write(entry: Entry) -> None:
        os.close(os.open(entry.name, os.O_CREAT, dir_fd=unpacker.directories[""].fd))

    unpacker.check = write  # type: ignore[method-assign]
    unpacker.place = lambda entry: None  # type: ignore[method-assign]


def crash(unpacker: Unpacker) -> None:
    """Fails as no unpacker means to."""
    unpacker.check = lambda entry: 1 // 0  # type: ignore[method-assign, assignment]


def forget(unpacker: Unpacker) -> None:
    """Leaves the mark where an entry follows."""
    unpacker.clear_mark = lambda directory: None  # type: ignore[method-assign]


def test_a_changed_reference_breaks_what_was_changed() -> None:
    ended, tree = run(Reference(forget, "forgetful"), Entry("a/x", "file"), Entry("a", "directory"))
    assert ended == Unpacked(0)
    assert [name.rpartition(".")[2] for name, _ in tree["a"].xattrs] == ["dirmeta_delegate"]


def test_an_escape_of_a_changed_reference_is_noticed() -> None:
    ended, _ = run(Reference(climb, "climbing"), Entry("../canary/x", "file"))
    assert ended == Unpacked(0, f"{OUTSIDE}../canary changed (mtime)", "escaped")


def test_a_crash_of_a_changed_reference_is_its_own() -> None:
    ended, _ = run(Reference(crash, "crashing"), Entry("a", "file"))
    assert ended == Unpacked(1, "crashing: ZeroDivisionError: integer division or modulo by zero")


# The table


def test_subjects_can_be_pickled() -> None:
    for made in (subject("reference"), subject("cmd:true"), subject("tar"), Reference(crash, "crashing")):
        assert pickle.loads(pickle.dumps(made)) == made


def test_a_subject_declares_what_it_claims() -> None:
    assert subject("reference").claims == subject("cmd:true").claims == {"feature", "switch", "whiteouts"}
    assert subject("tar").claims == frozenset()
    assert (subject("tar").semantics, subject("tar").variant) == ("sequential", "bump")
    assert subject("tar").version[0].isdigit()
    assert subject("reference").keeps("user.k")
    assert not subject("reference").keeps("trusted.overlay.opaque")


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("nosuch", f"nosuch: {THERE_ARE}"),
        ("cmd", f"cmd: {THERE_ARE}"),
        ("cmd:", "cmd:: no program is named; give one as cmd:./my-unpack"),
        ("cmd:no-such", "cmd:no-such: is not in PATH; give a path, as cmd:./no-such"),
        ("cmd:/no/such", "cmd:/no/such: does not exist; give the path of the program"),
        ("cmd:/", "cmd:/: is a directory; name the program in it"),
        ("cmd:/etc/passwd", "cmd:/etc/passwd: is not executable; chmod +x /etc/passwd"),
        ("reference,x=1", "reference: 'x=1' is no option of it; it takes no options"),
        ("tar,x", "tar: 'x' is no option of it; it takes path=…"),
        ("tar,path=/no/tar", f"tar: /no/tar is not to be found; {REMEDY}"),
        ("tar,path=true", f"tar: {shutil.which('true')} is not GNU tar; {REMEDY}"),
    ],
)
def test_what_can_not_be_had_is_said_in_one_line(spec: str, text: str) -> None:
    with pytest.raises(SubjectError) as raised:
        subject(spec)
    assert str(raised.value) == text
