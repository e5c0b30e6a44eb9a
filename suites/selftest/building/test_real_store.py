"""containers/storage as it is built, from a layer's tar to the view: through its own command into a store of
the overlay driver, mounted by stock podman, and by a kernel with the feature.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dirmeta import kernels
from dirmeta.judge.experiments import Conditions, as_tree, layout_steps, mount
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.guest.uml import Uml
from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.entries import Entry
from dirmeta.model.stack import Case, Layer, Setup
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Job, Walk
from dirmeta.observe.walk import walk
from dirmeta.streams import tar
from dirmeta.subjects import SubjectError, built

S = 10**9
IMAGE = "localhost/dirmeta:latest"
KERNEL = "6.12+dirmeta"
CASE = Case(
    (
        Layer((
            Entry("./", "directory", 0o755),
            Entry("usr/", "directory", 0o755),
            Entry("usr/bin/", "directory", 0o2750, 7, 8, S, (("user.probe", b"base"),)),
            Entry("usr/bin/sh", "file", 0o755, content=b"sh"),
            Entry("tmp/", "directory", 0o1777, mtime=2 * S),
            Entry("var/log/old", "file"),
        )),
        Layer((
            Entry("usr/bin/foo", "file", 0o755, mtime=S, content=b"foo"),
            Entry("tmp/x", "file", mtime=S),
            Entry("var/log/new", "file"),
            Entry(".wh.var", "whiteout"),
        )),
    ),
    Setup(namespace="trusted"),
)  # fmt: skip

PRIVATE = ("unshare", "--mount")
ROOTLESS = (*PRIVATE, "--map-root-user")

MOUNTED = """
import pickle, subprocess, sys
from dirmeta.observe.walk import walk
place = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=True).stdout.strip()
sys.stdout.buffer.write(pickle.dumps(walk(place)))
"""


class Store:
    """A store below a directory; what is mounted in it goes with the process that mounted it."""

    def __init__(self, directory: Path, program: str) -> None:
        self.directory = directory
        self.program = program

    def options(self, graph: str, run: str) -> list[str]:
        return [
            f"--{graph}={self.directory}/graph",
            f"--{run}={self.directory}/run",
            "--storage-driver=overlay",
        ]

    def do(self, *words: str, enter: Sequence[str] = PRIVATE, option: str = "dirmeta_delegate=true") -> None:
        command = [self.program, *self.options("graph", "run"), f"--storage-opt=overlay.{option}", *words]
        subprocess.run([*enter, *command], check=True, capture_output=True)

    def apply(self, layers: Sequence[Layer], **how: Any) -> list[Tree]:
        """Apply layers one over another; their diff directories. `how`: as for `do`."""
        parent: list[str] = []
        for number, layer in enumerate(layers, 1):
            name = f"layer{number}"
            file = self.directory / f"{name}.tar"
            file.write_bytes(tar.encode(layer, "pax"))
            self.do("create-layer", "--id", name, *parent, **how)
            self.do("apply-diff", "--file", str(file), name, **how)
            parent = [name]
        return [walk(f"{self.directory}/graph/overlay/layer{n}/diff") for n in range(1, len(layers) + 1)]


@pytest.fixture
def store() -> Iterator[Store]:
    try:
        program = built.find("containers-storage").program("containers-storage")
    except SubjectError as why:
        pytest.skip(str(why))
    # Podman takes no runroot of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="store.") as directory:
        yield Store(Path(directory), program)


def rootless(tree: Tree) -> Tree:
    """A tree without its root: the driver gives each layer's the metadata of the parent layer's."""
    return {path: node for path, node in tree.items() if path != paths.ROOT}


@pytest.fixture
def root_store(store: Store) -> Store:
    if os.geteuid():
        pytest.skip("a store whose files have several owners needs root")
    return store


def test_the_driver_writes_the_diff_directories_of_the_rules(root_store: Store) -> None:
    seen = root_store.apply(CASE.stack)
    expected = oracle.diff_directories(CASE)
    assert seen[0] == expected[0]
    assert rootless(seen[1]) == rootless(expected[1])
    assert [path for path, node in seen[1].items() if node.xattr(overlayfs.mark_name("trusted"))] != []


def test_the_driver_s_option_turns_marks_off(root_store: Store) -> None:
    seen = root_store.apply(CASE.stack, option="dirmeta_delegate=false")
    names = {name for tree in seen for node in tree.values() for name, _ in node.xattrs}
    assert names == {"user.probe", "trusted.overlay.opaque"}


def test_a_layer_is_packed_again_as_it_came(root_store: Store) -> None:
    """Not by its tar-split, as layers that were pulled are: from its diff directory."""
    layers = (
        Layer((Entry("emptied/", "directory", 0o700), Entry("opaque/old", "file"))),
        Layer((
            Entry("usr/bin/foo", "file"),
            Entry("tmp/", "directory", 0o1777),
            Entry("emptied/.wh..wh..opq", "opaque"),
            Entry("opaque/.wh..wh..opq", "opaque"),
            Entry("opaque/new", "file"),
            Entry("var/.wh.log", "whiteout"),
        )),
    )  # fmt: skip
    root_store.apply(layers)
    split = root_store.directory / "graph/overlay-layers/layer2.tar-split.gz"
    split.unlink()
    packed = root_store.directory / "packed.tar"
    root_store.do("diff", "--uncompressed", "--file", str(packed), "layer2")
    names = [entry.name for entry in tar.decode(packed.read_bytes()).entries]
    assert sorted(names) == sorted(entry.name for entry in layers[1].entries)


def test_stock_podman_mounts_what_it_unpacked(root_store: Store) -> None:
    if not shutil.which("podman"):
        pytest.skip("podman is missing")
    diffs = root_store.apply(CASE.stack)
    assert mounted_by_podman(root_store) == oracle.merge(diffs, delegate=False).tree


def mounted_by_podman(store: Store, option: str = "mountopt=nodev") -> Tree:
    store.do("create-image", "--name", IMAGE, f"layer{len(CASE.stack)}", option=option)
    podman = ["podman", *store.options("root", "runroot"), f"--storage-opt=overlay.{option}"]
    command = [*PRIVATE, sys.executable, "-c", MOUNTED, *podman, "image", "mount", IMAGE]
    view: Tree = pickle.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return view


def test_a_mount_program_has_the_same_layers_with_its_own_whiteouts(root_store: Store) -> None:
    program = shutil.which("fuse-overlayfs")
    if not program or not shutil.which("podman"):
        pytest.skip("fuse-overlayfs or podman is missing")
    option = f"mount_program={program}"
    seen = root_store.apply(CASE.stack, option=option)
    expected = oracle.diff_directories(CASE)
    mark = overlayfs.mark_name("trusted")
    for there, wanted in zip(seen, expected, strict=True):
        marked = [{path for path, node in tree.items() if node.xattr(mark)} for tree in (there, wanted)]
        assert marked[0] == marked[1]
    assert seen[1]["var/.wh..wh..opq"].kind == "file"
    view = mounted_by_podman(root_store, option)
    assert rootless(view) == rootless(oracle.merge(expected, delegate=False).tree)


def test_a_kernel_with_the_feature_shows_the_delegated_tree(root_store: Store) -> None:
    try:
        image = str(kernels.find(KERNEL).image)
    except kernels.KernelError as why:
        pytest.skip(str(why))
    diffs = root_store.apply(CASE.stack)
    mounted = mount(CASE.setup, len(diffs), Conditions(feature=True, delegate=True))
    with GuestLab(lambda: Uml(image, "uml")) as guest:
        [results] = guest.run([Job((*layout_steps(diffs), mounted, Walk("m")))])
    view = as_tree(results[-1])
    assert rootless(view) == rootless(oracle.merge(oracle.diff_directories(CASE), delegate=True).tree)
    base = oracle.diff_directories(CASE)[0]
    assert (view["usr/bin"], view["tmp"]) == (base["usr/bin"], base["tmp"])


def test_a_store_of_a_user_namespace_has_marks_in_user(store: Store) -> None:
    if subprocess.run([*ROOTLESS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not to be had here")
    [seen] = store.apply(
        (Layer((Entry("a/b/f", "file"), Entry("a/.wh..wh..opq", "opaque"))),), enter=ROOTLESS
    )
    names = {path: {name for name, _ in seen[path].xattrs} for path in ("a", "a/b")}
    assert names == {
        "a": {"user.overlay.dirmeta_delegate", "user.overlay.opaque"},
        "a/b": {"user.overlay.dirmeta_delegate"},
    }
