"""Where a source comes from: the machine's mirrors, private lists, tarballs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirmeta.kernels import sources
from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.leftout import is_left_out
from dirmeta.kernels.sources import Apt, Mirror, wanted_mirrors

ARCHIVE = Mirror("https://mirror.invalid/debian/", "bookworm", "/keys/one.gpg")
SECURITY = Mirror("https://mirror.invalid/security/", "bookworm-security", "/keys/two.gpg")


@pytest.mark.usefixtures("tools")
def test_mirrors_and_keys_are_those_of_the_machine_in_either_format() -> None:
    assert sources.machine_mirrors() == [ARCHIVE, SECURITY]


def test_the_suites_that_have_the_versions_are_looked_for_at_the_same_mirrors() -> None:
    found = list(wanted_mirrors([ARCHIVE._replace(suite="forky"), SECURITY]))
    assert {mirror.uri for mirror in found if "security" in mirror.suite} == {SECURITY.uri}
    assert [mirror.suite for mirror in found] == [
        "forky", "bookworm-security", "bookworm", "bookworm-backports", "trixie", "trixie-backports",
        "trixie-security",
    ]  # fmt: skip


def test_nothing_is_asked_for_twice() -> None:
    found = list(wanted_mirrors([ARCHIVE, SECURITY]))
    assert len(found) == len(set(found))


def test_without_a_security_mirror_none_is_made_up() -> None:
    assert not [mirror for mirror in wanted_mirrors([ARCHIVE]) if "security" in mirror.suite]


@pytest.mark.parametrize("embedded", [False, True])
def test_keys_are_passed_on_as_they_are_said(tmp_path: Path, embedded: bool) -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END" if embedded else "/keys/one.gpg"
    file = tmp_path / "debian.sources"
    file.write_text(
        f"Types: deb\nURIs: http://other.invalid/\n\nURIs: {ARCHIVE.uri}\nSigned-By: {key}\nSuites: x\n"
    )
    assert sources._signed_by(file, ARCHIVE.uri) == key
    assert sources._signed_by(file, "http://other.invalid/") == ""


def test_a_source_is_fetched_with_private_lists(tools: Path, tmp_path: Path, tarball: Path) -> None:
    (tmp_path / "download").mkdir()
    apt = Apt(tmp_path / "apt")
    assert apt.versions() == []
    found, origin = apt.fetch("6.12", tmp_path / "download", print)
    assert found.read_bytes() == tarball.read_bytes()
    assert origin.name == "linux-source-6.12 6.12.117-1"
    written = (tmp_path / "apt/sources/debian.sources").read_text()
    assert "Suites: trixie-backports\nComponents: main\nSigned-By: /keys/one.gpg\n" in written
    assert apt.versions() == ["6.1", "6.12"]


@pytest.mark.usefixtures("tools")
def test_a_version_that_is_not_to_be_had_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(
        KernelUsageError, match=r"no linux-source-5\.10; there are 6\.1, 6\.12, or give a tarball"
    ):
        Apt(tmp_path / "apt").fetch("5.10", tmp_path, print)


@pytest.mark.usefixtures("tools")
def test_without_a_network_apt_s_complaint_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRMETA_TEST_OFFLINE", "1")
    with pytest.raises(
        KernelError, match="no linux-source package: Failed to fetch the lists; or give a tarball"
    ):
        Apt(tmp_path / "apt").fetch("6.12", tmp_path, print)


@pytest.mark.parametrize("said", ["Wrote only 9728 of 10240 bytes", "write: No space left on device"])
def test_a_full_file_system_is_said_to_be_full(tools: Path, tmp_path: Path, said: str) -> None:
    (tools / "dpkg-deb").write_text(f'#!/bin/sh\n[ "$1" = -f ] && exit\necho "tar: ./usr: {said}"\nexit 2\n')
    with pytest.raises(KernelError, match=r"no space: linux-source-6\.12; make room, or set DIRMETA_CACHE"):
        Apt(tmp_path / "apt").fetch("6.12", tmp_path, print)


def test_a_machine_without_apt_is_told_of_tarballs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        KernelError, match=r"--source FILE.*: apt and dpkg are missing; apt-get install apt dpkg"
    ):
        Apt(tmp_path / "apt").fetch("6.12", tmp_path, print)


def test_unpacking_leaves_out_what_no_guest_compiles(tmp_path: Path, tarball: Path) -> None:
    sources.unpack(tarball, tmp_path / "there", print)
    assert (tmp_path / "there/fs/namei.c").is_file()
    assert (tmp_path / "there/drivers/gpu/Makefile").is_file()
    assert not (tmp_path / "there/drivers/gpu/large.c").exists()
    assert is_left_out("drivers/gpu/large.c") and not is_left_out("drivers/gpu/Makefile")


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("no archive, but long enough to be looked at")
    with pytest.raises(KernelError, match=r"x\.tar: tar: This does not look like a tar archive"):
        sources.unpack(tmp_path / "x.tar", tmp_path / "there", print)


def test_tarballs_are_told_apart_by_content(tmp_path: Path) -> None:
    for name, content in (("one", "x"), ("two", "y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "linux.tar").write_text(content)
    one, two = (sources.tarball(tmp_path / name / "linux.tar") for name in ("one", "two"))
    assert one.name == two.name == "linux.tar" and one.identity != two.identity


def test_a_tarball_that_is_not_there_is_named() -> None:
    with pytest.raises(KernelUsageError, match=r"--source /nowhere\.tar: No such file"):
        sources.tarball(Path("/nowhere.tar"))
