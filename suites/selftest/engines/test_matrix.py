"""What is told of an engine: the example follows its semantics, spoiled ones are found."""

from pathlib import Path

import pytest

from dirmeta.judge.asking import Asked, Model
from dirmeta.judge.corpus import corpus
from dirmeta.judge.matrix import Row, compare
from dirmeta.judge.modelling import models
from dirmeta.subjects import UnknownSubject

from ..worlds import skip_without
from .scripts import EXAMPLE, script, spoiled

CASES = corpus()
KEEP: Model = ("sequential", "keep")


def row(spec: str, timeout: float = 30.0) -> Row:
    [found] = compare(Asked((spec,), CASES, timeout, KEEP), lambda row: None)
    if found.status == "error" and "world" in found.why:
        skip_without(found.why)
    return found


def test_the_example_follows_the_semantics_it_names() -> None:
    found = row(f"engine:{EXAMPLE}")
    assert (found.status, found.why, found.deviates) == ("judged", "", False)
    assert found.consistent == ("sequential/keep", "fixed/new")
    assert found.agrees["topmost"] < len(CASES)


@pytest.mark.parametrize(
    ("damage", "case", "path", "consistent"),
    [
        ('chmod 0700 "$2"/*/tmp', "E", "tmp", False),
        ('touch "$2"/*/usr/bin/foo2', "I", "usr/bin/foo2", True),
        ('touch -d @7 "$2"/c00/usr/bin', "A", "usr/bin", False),
        ('rm "$2"/*/opt/a/file', "H", "opt/a/file", False),
        ('for i in "$2"/*/tmp; do touch $i/.wh.x; done', "E", "tmp/.wh.x", False),
    ],
)
def test_what_is_spoiled_is_found_where_it_is(
    tmp_path: Path, damage: str, case: str, path: str, consistent: bool
) -> None:
    found = row(spoiled(tmp_path, damage))
    assert found.status == "judged"
    assert path in {each.path for cell in found.cells if cell.case == case for each in cell.deviations}
    assert ("sequential/keep" in found.consistent) == consistent  # a file's time says nothing of layers


def test_a_refused_case_leaves_the_others_judged(tmp_path: Path) -> None:
    refuse = 'for i in "$2" "$2"/*; do if [ -L $i/bin ]; then echo a symlink >&2; exit 4; fi; done'
    found = row(spoiled(tmp_path, refuse))
    assert [cell.case for cell in found.cells if cell.saw == "refused"] == ["I"]
    assert [cell.case for cell in found.cells if cell.deviations] == ["I"]
    [why] = next(cell.deviations for cell in found.cells if cell.case == "I")
    assert why.saw == "refused: engine.sh: exit status 4: a symlink"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo no >&2; exit 1", "fails the smoke check: engine.sh: exit status 1: no"),
        ("kill -9 $$", "fails the smoke check: engine.sh: signal 9: it said nothing"),
        ('[ -e "$1/blobs" ]; exit 0', ""),
        ("sleep 60", "engine.sh was killed after 0.5 s; give it more time"),
    ],
)
def test_an_engine_that_does_not_work_is_told_apart(tmp_path: Path, text: str, why: str) -> None:
    found = row(f"engine:{script(tmp_path, text)}", timeout=0.5)
    assert found.why == why
    assert found.status == ("error" if why else "judged")


def test_an_engine_may_mount_what_it_makes(tmp_path: Path) -> None:
    found = row(spoiled(tmp_path, 'mount --bind "$2" "$2"'))
    assert (found.status, found.deviates) == ("judged", False)


def test_an_unpacker_of_layers_is_overlaid() -> None:
    [found] = compare(Asked(("reference",), CASES, expect=("topmost", "")), lambda row: None)
    assert (found.subject, found.status) == ("overlay:reference", "judged")
    assert [name for name, *_ in models() if name in found.consistent][:1] in (["topmost"], ["delegate"])


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nosuch", "nosuch: there is no such subject; there are umoci, "),
        (
            "podman,driver=x",
            "podman: 'driver=x' is no option of it; it takes driver=overlay|vfs|fuse-overlayfs",
        ),
        ("ostree,x=y", "ostree: 'x=y' is no option of it; it takes no options"),
        ("flat:reference", "flat:reference: it makes diff directories, which do not go over one another; "),
        ("sequential:reference", "sequential:reference: it makes diff directories, which do not go over one"),
    ],
)
def test_what_does_not_exist_is_said(spec: str, says: str) -> None:
    with pytest.raises(UnknownSubject) as raised:
        compare(Asked((spec,), CASES), lambda row: None)
    assert str(raised.value).startswith(says)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("engine:", "engine:: no program is named; give one as engine:./my-unpack"),
        ("engine:/no/such", "engine:/no/such: does not exist; give the path of the program"),
        (
            "flat:tar,path=/no/tar",
            "tar: /no/tar is not to be found; apt-get install tar, or give tar,path=PATH",
        ),
    ],
)
def test_what_is_not_installed_is_not_judged(spec: str, why: str) -> None:
    [found] = compare(Asked((spec,), CASES), lambda row: None)
    assert (found.status, found.why) == ("n/a", why)
