"""A small source, programs that pretend to be apt and make, and a cache of one's own."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from dirmeta import locations

OVERLAYFS = "fs/overlayfs/super.c"
SOURCE = {
    "Makefile": "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\n",
    "Kconfig": 'source "fs/Kconfig"\n',
    "fs/Kconfig": "config OVERLAY_FS\n\tbool\nconfig TMPFS_XATTR\n\tbool\n",
    OVERLAYFS: "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
    "fs/namei.c": "name\n",
    "drivers/gpu/large.c": "large\n",
    "drivers/gpu/Makefile": "obj-y += large.o\n",
}

# Configures with what it was asked for, compiles to a list of what the source is, and counts.
MAKE = r"""
for word; do
    case $word in
    --directory=*) source=${word#*=} ;;
    O=*) objects=${word#*=} ;;
    esac
done
echo "$word" >>"$objects/made"
if [ "$word" = allnoconfig ]; then
    grep -v "^$DIRMETA_TEST_LOSES=" "$KCONFIG_ALLCONFIG" >"$objects/.config"
elif grep -q '#error' "$source/fs/overlayfs/super.c"; then
    echo "  CC      fs/overlayfs/super.o"
    echo "fs/overlayfs/super.c:4:2: error: #error four"
    echo "make[1]: *** [Makefile:1: fs/overlayfs/super.o] Error 1"
    exit 2
else
    mkdir -p "$objects/arch/x86/boot"
    echo "  CC      fs/overlayfs/super.o"
    cat "$source/fs/overlayfs/super.c" | tee "$objects/linux" >"$objects/arch/x86/boot/bzImage"
fi
"""

APT_GET = r"""
case $* in
*indextargets*)
    echo "https://mirror.invalid/debian/ bookworm $DIRMETA_TEST_APT/debian.sources:1"
    echo "https://mirror.invalid/security/ bookworm-security $DIRMETA_TEST_APT/security.list:2"
    echo "https://mirror.invalid/other/ nodistro $DIRMETA_TEST_APT/other.list:1" ;;
*update) [ -z "$DIRMETA_TEST_OFFLINE" ] || echo "E: Failed to fetch the lists" ;;
*download*) touch linux-source-6.12_1_all.deb ;;
esac
"""

APT_CACHE = r"""
[ -n "$DIRMETA_TEST_OFFLINE" ] || printf 'linux-source-%s - source with Debian patches\n' 6.12 6.1
"""

DPKG_DEB = r"""
case $1 in
-f) echo 6.12.117-1 ;;
-x) mkdir -p "$3/usr/src" && cp "$DIRMETA_TEST_APT/source.tar" "$3/usr/src/linux-source-6.12.tar.xz" ;;
esac
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache directory of this test."""
    monkeypatch.setenv(locations.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory that has what the suite looks at in a kernel's source."""
    return written(tmp_path / "linux", SOURCE)


@pytest.fixture
def tarball(tmp_path: Path, source: Path) -> Path:
    with tarfile.open(tmp_path / "source.tar", "w") as archive:
        archive.add(source, "linux-6.12")
    return tmp_path / "source.tar"


@pytest.fixture
def tools(tmp_path: Path, cache: Path, tarball: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for apt and what compiles, first in PATH; the directory that holds them."""
    if shutil.which("patch") is None:
        pytest.skip("patch is missing")
    programs = tmp_path / "bin"
    programs.mkdir()
    pretended = {"make": MAKE, "apt-get": APT_GET, "apt-cache": APT_CACHE, "dpkg-deb": DPKG_DEB}
    pretended |= {"gcc": "echo gcc 12", **dict.fromkeys(("flex", "bison", "bc", "ld", "perl", "xz"), ":")}
    for name, text in pretended.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    keys = "Signed-By: /keys/one.gpg"
    (tmp_path / "debian.sources").write_text(f"Types: deb\nURIs: https://mirror.invalid/debian\n{keys}\n")
    (tmp_path / "security.list").write_text(
        "# deb https://mirror.invalid/security/ x main\n"
        "deb [arch=amd64 signed-by=/keys/two.gpg] https://mirror.invalid/security/ bookworm-security main\n"
    )
    monkeypatch.setenv("DIRMETA_TEST_APT", str(tmp_path))
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return programs


def written(directory: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return directory


def changing(path: str = OVERLAYFS, old: str = "four", new: str = "FOUR", around: int = 3) -> bytes:
    """A patch to a line of `SOURCE`."""
    lines = SOURCE[path].splitlines()
    at = lines.index(old) if old in lines else around
    before, after = lines[max(0, at - around) : at], lines[at + 1 : at + 1 + around]
    count = len(before) + len(after) + 1
    hunk = [f"@@ -{at - len(before) + 1},{count} +{at - len(before) + 1},{count} @@"]
    hunk += [*(f" {line}" for line in before), f"-{old}", f"+{new}", *(f" {line}" for line in after)]
    return "\n".join([f"--- a/{path}", f"+++ b/{path}", *hunk, ""]).encode()
