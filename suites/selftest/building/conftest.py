"""A small library, a Go compiler that pretends, and a cache of one's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dirmeta import locations
from dirmeta.building import golang

LIBRARY = "src/github.com/containers/storage/archive.go"
TEXT = "one\ntwo\nthree\nfour\n"
PATCH = """\
--- a/archive.go
+++ b/archive.go
@@ -1,4 +1,4 @@
 one
 two
-three
+THREE
 four
"""

# Compiles to what the library is, and counts.
GO = r"""
[ "$1" = version ] && echo go version 1 && exit
echo "$@" $GOFLAGS >>"$DIRMETA_TEST_GO/asked"
while [ "$1" != -o ]; do shift; done
echo "$3"
storage=${GOPATH%%:*}/src/github.com/containers/storage
[ -z "$DIRMETA_TEST_SLOW" ] || exec sleep 1000
grep -q BROKEN "$storage/archive.go" && echo "archive.go:3:1: syntax error" && exit 2
cat "$storage/archive.go" >"$2"
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that a build needs, in this directory: ``bin``, ``library``, ``fixtures``, ``cache``, and the words
    that the compiler was called with in ``asked``, a line each time."""
    if shutil.which("patch") is None:
        pytest.skip("patch is missing")
    pretended = {"go": GO, "gcc": ":", "dpkg-query": "printf 1.43"}
    for name, text in pretended.items():
        program = written(tmp_path / "bin" / name, f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    written(tmp_path / "library" / LIBRARY, TEXT)
    (tmp_path / "library/src/github.com/ulikunitz/xz").mkdir(parents=True)
    written(tmp_path / "fixtures/subjects/containers-storage-dirmeta.patch", PATCH)
    written(tmp_path / "fixtures/subjects/containers-storage-unpack-layer.go", "package main\n")
    monkeypatch.setattr(golang, "LIBRARIES", tmp_path / "library")
    monkeypatch.setattr(locations, "fixtures", lambda: tmp_path / "fixtures")
    monkeypatch.setenv(locations.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("DIRMETA_TEST_GO", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return tmp_path


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
