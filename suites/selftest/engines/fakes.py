"""Tools that are not there: scripts that take the command lines of real ones, and do what is asked of them.

What they unpack, the example engine unpacks, so each of them has the semantics ``sequential/keep``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from .scripts import EXAMPLE, script

SAYS: Final[Mapping[str, str]] = {
    "umoci": "umoci version {}",
    "podman": "podman version {}",
    "buildah": "buildah version {} (image-spec 1.0.2-dev, runtime-spec 1.0.2-dev)",
    "skopeo": "skopeo version {}",
    "containerd": "containerd github.com/containerd/containerd {} 1.6.20~ds1-1+b1",
    "ctr": "ctr github.com/containerd/containerd {}",
    "dockerd": "Docker version {}, build 5d6db84",
    "docker": "Docker version {}, build afdd53b",
    "ostree": "libostree:\n Version: '{}'\n Git: 7",
    "tar2sqfs": "tar2sqfs (squashfs-tools-ng) {}",
}
"""What the real ones say when asked for their version, with {} in its place."""
NEW: Final = "2099.1"

LISTEN: Final = ': > "$socket"; echo $$ > "$socket.pid"; trap "exit 0" TERM; while :; do sleep 0.05; done'
"""What a daemon does, once it knows its `$socket`."""
CONTAINERD: Final = f"""\
socket=$(sed -n 's/^address = "\\(.*\\)"/\\1/p' "$2")
{LISTEN}"""
DOCKERD: Final = f"""\
for i; do case $i in --host=unix://*) socket=${{i#--host=unix://}};; esac; done
{LISTEN}"""

UMOCI: Final = f"""\
for rootfs; do :; done
for i; do case $i in --image=*) image=${{i#--image=}};; esac; done
mkdir "$rootfs" && exec "{EXAMPLE}" "${{image%:*}}" "$rootfs\""""
PODMAN: Final = f"""\
for last; do :; done
for i; do case $i in --root=*) graph=${{i#--root=}};; esac; done
case " $* " in
*" pull "*) image=${{last#oci:}}; mkdir -p "$graph"; number=$(ls "$graph" | wc -l)
    mkdir "$graph/$number" && "{EXAMPLE}" "${{image%:*}}" "$graph/$number" && echo "$number";;
*" image mount "*) echo "$graph/$last";;
*) echo "unknown: $*" >&2; exit 125;;
esac"""
CTR: Final = f"""\
[ "$1" = --address ] && store=$2.store && shift 2
for last; do :; done
case "$1 $2 $4" in
"images import "*) mkdir -p "$store/layout" && tar -xf "$last" -C "$store/layout" &&
    rm -rf "$store/root" && mkdir "$store/root" && "{EXAMPLE}" "$store/layout" "$store/root"
    rm -r "$store/layout";;
"snapshots --snapshotter view") :;;
"snapshots --snapshotter mounts") echo "mount --bind $store/root $5";;
*) echo "unknown: $*" >&2; exit 1;;
esac"""


class Tools:
    """A directory that is first in PATH, and programs in it."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        directory.mkdir()
        monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
        self.put("python3", f'exec "{sys.executable}" "$@"')  # the example begins with env python3

    def put(self, name: str, does: str, version: str = NEW) -> Path:
        """A program that says its version, and else does something."""
        says = SAYS.get(name, "{}").format(version)
        return script(
            self.directory,
            f"if [ \"$1\" = --version ]; then echo '{quoted(says)}'; exit; fi\n{does}",
            name,
        )


def quoted(text: str) -> str:
    """A text as it is written within single quotes in sh."""
    return text.replace("'", "'\\''")
