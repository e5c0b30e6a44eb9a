"""Kernel sources: Debian's linux-source packages through apt, or a tarball.

apt is given lists and sources of its own below the suite's cache directory. Mirrors and keyrings are those of
the machine's sources, proxies and credentials what its apt is configured with; nothing of it is written.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.leftout import tar_patterns
from dirmeta.kernels.process import Listener, no_space, require, run

RELEASES: Final = ("bookworm", "trixie")
"""The Debian releases that have the suite's versions, beside whatever the machine has."""

_DEBIAN: Final = (
    "bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable",
)  # fmt: skip
_PACKAGE: Final = re.compile(r"^linux-source-(\d+\.\d+)\b", re.MULTILINE)
_FULL: Final = ("No space left", "enough free space", "Wrote only ")
"""What apt and tar say, one or the other, where a file system is full."""
_APT_PROGRAMS: Final = {"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg"}


class Origin(NamedTuple):
    """Where a source came from: `name` for people, `identity` different for each content."""

    name: str
    identity: str


class Mirror(NamedTuple):
    """A repository that the machine's own apt uses; `signed_by` as its sources have it, "" for nothing."""

    uri: str
    suite: str
    signed_by: str


class Apt:
    """apt with private lists below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def versions(self) -> list[str]:
        """The version lines that were on offer the last time, oldest first; none where nobody asked yet."""
        try:
            return (self.home / "versions").read_text("ascii").split()
        except FileNotFoundError:
            return []

    def fetch(self, line: str, into: Path, listen: Listener) -> tuple[Path, Origin]:
        """Download the source of a version line; its tarball, in the empty directory `into`.

        Raises KernelUsageError, with the versions that are to be had, where this one is not.
        """
        require(_APT_PROGRAMS, "kernel build: without a tarball (--source FILE)")
        listen("apt-get update, with private lists")
        complaint = self._update()
        versions = self._search()
        if not versions:
            raise KernelError(
                f"apt has no linux-source package: {complaint}; or give a tarball: --source FILE"
            )
        if line not in versions:
            raise KernelUsageError(
                f"{line}: apt has no linux-source-{line}; there are {', '.join(versions)}, "
                "or give a tarball: --source FILE"
            )
        return self._download(f"linux-source-{line}", into, listen)

    def _download(self, package: str, into: Path, listen: Listener) -> tuple[Path, Origin]:
        listen(f"apt-get download {package}")
        said: list[str] = []
        words = ["env", "--chdir", os.fspath(into), "apt-get", *self._settings(), "download", package]
        if run(words, said.append):
            raise _failed(into, package, said)
        deb = next(into.glob("*.deb"))
        version = subprocess.run(
            ["dpkg-deb", "-f", deb, "Version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if run(["dpkg-deb", "-x", os.fspath(deb), os.fspath(into)], said.append):
            raise _failed(into, package, said)
        deb.unlink()
        tarball = next((into / "usr" / "src").glob("linux-source-*.tar.*"))
        return tarball, Origin(f"{package} {version}", f"{package} {version}")

    def _update(self) -> str:
        """Fetch the lists anew; the first complaint, "" where there was none."""
        for name in ("lists/partial", "sources"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        stanzas = [_stanza(mirror) for mirror in wanted_mirrors(machine_mirrors())]
        if not stanzas:
            raise KernelError("this machine's apt has no Debian archive; give a tarball: --source FILE")
        (self.home / "sources" / "debian.sources").write_text("\n".join(stanzas), "utf-8")
        said: list[str] = []
        run(["apt-get", *self._settings(), "update"], said.append)
        return next((text[3:] for text in said if text.startswith(("E: ", "W: "))), "")

    def _search(self) -> list[str]:
        """The version lines that the lists offer; kept for `versions`, since reading lists takes seconds."""
        found = subprocess.run(
            ["apt-cache", *self._settings(), "search", "--names-only", "^linux-source-[0-9.]+$"],
            capture_output=True,
            text=True,
            check=False,
        )
        versions = sorted(set(_PACKAGE.findall(found.stdout)), key=by_number)
        (self.home / "versions").write_text("\n".join(versions), "ascii")
        return versions

    def _settings(self) -> list[str]:
        settings = {
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": self.home / "sources",
            "Dir::State::Lists": self.home / "lists",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "Acquire::Languages": "none",
            # The account that root's apt downloads as can not write to a user's cache.
            "APT::Sandbox::User": "root",
        }
        return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def by_number(line: str) -> list[int]:
    """Sorts version lines: 6.2 is before 6.12."""
    return [int(part) for part in line.split(".")]


def machine_mirrors() -> list[Mirror]:
    """The repositories of the Debian archive that this machine's apt has."""
    listed = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(SOURCESENTRY)",
            "Created-By: Packages",
        ],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = []
    for uri, suite, entry in dict.fromkeys(tuple(row.split(" ", 2)) for row in listed.splitlines()):
        if re.split("[-/]", suite)[0] in _DEBIAN:
            found.append(Mirror(uri, suite, _signed_by(Path(entry.rpartition(":")[0]), uri)))
    return found


def _signed_by(file: Path, uri: str) -> str:
    """What a file of sources, in either format, says about the keys for `uri`."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeError):
        return ""
    parts = re.split(r"\n\s*\n", text) if file.suffix == ".sources" else text.splitlines()
    part = next((part for part in parts if uri.rstrip("/") in part and not part.startswith("#")), "")
    if option := re.search(r"\[[^]]*signed-by=([^]\s]+)", part):
        return option[1].replace(",", " ")
    field = re.search(r"^Signed-By:(.*(?:\n[ \t].*)*)", part, re.MULTILINE)
    return field[1].strip(" ") if field else ""


def wanted_mirrors(machine: Sequence[Mirror]) -> Iterator[Mirror]:
    """Where the suite looks: the machine's own suites, and those of `RELEASES` at the same mirrors."""
    archive = next((each for each in machine if "security" not in each.suite), None)
    security = next((each for each in machine if "security" in each.suite), None)
    wanted = dict.fromkeys(machine)
    for release in RELEASES:
        if archive:
            wanted |= dict.fromkeys(archive._replace(suite=release + kind) for kind in ("", "-backports"))
        if security:
            wanted[security._replace(suite=f"{release}-security")] = None
    yield from wanted


def _stanza(mirror: Mirror) -> str:
    signed_by = f"Signed-By: {mirror.signed_by}\n" if mirror.signed_by else ""
    return f"Types: deb\nURIs: {mirror.uri}\nSuites: {mirror.suite}\nComponents: main\n{signed_by}"


def tarball(file: Path) -> Origin:
    """The origin that a user's tarball is. Raises KernelUsageError where it can not be read."""
    try:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise KernelUsageError(f"--source {file}: {error.strerror}") from None
    return Origin(file.name, f"sha256:{digest}")


def unpack(file: Path, into: Path, listen: Listener) -> None:
    """Unpack a source into the new directory `into`, less what no guest needs."""
    listen(f"unpacking {file.name}")
    into.mkdir(parents=True)
    said: list[str] = []
    words = ["tar", "--extract", f"--file={file}", f"--directory={into}", "--strip-components=1"]
    words += ["--no-same-owner", *(f"--exclude={pattern}" for pattern in tar_patterns())]
    if run(words, said.append, {**os.environ, "XZ_DEFAULTS": "--threads=0"}):
        raise _failed(into, file.name, said)


def _failed(where: Path, what: str, said: Sequence[str]) -> KernelError:
    text = "\n".join(said)
    if any(sign in text for sign in _FULL):
        return no_space(where, what)
    complaint = next((line for line in said if line.startswith(("E: ", "tar: ", "xz: ", "dpkg-deb: "))), "")
    return KernelError(
        f"{what}: {complaint or 'could not be had; ' + (said[-1] if said else 'no reason given')}"
    )
