"""The forms that an image is given to tools in hold the same layers, and where tools put them is found."""

import hashlib
import json
from pathlib import Path

import pytest

from dirmeta.model.listing import parse
from dirmeta.streams.docker import read_archive
from dirmeta.streams.oci import read_layout
from dirmeta.streams.tar import decode
from dirmeta.subjects.engines.base import EngineError
from dirmeta.subjects.engines.containerd import chain_id, layers_of
from dirmeta.subjects.engines.containers import Store
from dirmeta.subjects.engines.image import NAME, REF, Image

STACK = parse("""
layer 1  usr/          0750 7:8 1970-01-01 00:00:07 xattr user.probe="base"
         usr/bin/foo   0755 content "foo"
layer 2  usr/.wh.bin
         usr/link      -> /bin
""").stack


def test_every_form_holds_the_same_layers(tmp_path: Path) -> None:
    image = Image(STACK, str(tmp_path / "image"))
    assert read_layout(image.layout, REF) == STACK
    assert read_archive(image.oci_archive, NAME) == STACK
    assert read_archive(image.docker_archive, NAME) == STACK
    assert tuple(map(decode, image.tars)) == STACK


def test_a_chain_is_named_by_all_its_layers() -> None:
    below, above = ("sha256:" + hashlib.sha256(name).hexdigest() for name in (b"1", b"2"))
    assert chain_id([below]) == below
    assert chain_id([below, above]) == "sha256:" + hashlib.sha256(f"{below} {above}".encode()).hexdigest()


@pytest.mark.parametrize(
    ("command", "layers"),
    [
        ("mount -t overlay overlay /x -o ro,index=off,lowerdir=/b/fs:/a/fs", ("/a/fs", "/b/fs")),
        (
            "mount -t bind /r/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs /x -o ro,rbind",
            ("/r/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs",),
        ),
        ("mount -t bind /r/io.containerd.snapshotter.v1.native/snapshots/2 /x -o rbind,ro", ()),
    ],
)
def test_diff_directories_are_those_that_containerd_would_mount(
    command: str, layers: tuple[str, ...]
) -> None:
    assert layers_of(command) == layers


def test_the_layers_of_an_image_in_a_store_are_found(tmp_path: Path) -> None:
    store = Store(str(tmp_path), "overlay")
    lists = {
        "images": [{"id": "i2", "layer": "l2"}, {"id": "i1", "layer": "l9"}],
        "layers": [{"id": "l2", "parent": "l1"}, {"id": "l1"}, {"id": "l9"}],
    }
    for kind, records in lists.items():
        folder = Path(store.graph) / f"overlay-{kind}"
        folder.mkdir(parents=True)
        (folder / f"{kind}.json").write_text(json.dumps(records))
    layers = (f"{store.graph}/overlay/l1/diff", f"{store.graph}/overlay/l2/diff")
    assert store.layers("i2") == store.diffs("i2") == layers
    assert store.layers(store.newest("images")["id"]) == (f"{store.graph}/overlay/l9/diff",)


def test_a_store_that_can_not_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the store has no list of images"):
        Store(str(tmp_path), "vfs").layers("i1")


def test_settings_of_the_machine_do_not_count(tmp_path: Path) -> None:
    env = Store(str(tmp_path), "vfs").env
    own = [name for name in env if name.startswith("CONTAINERS_")]
    assert len(own) == 3
    assert all(Path(env[name]).is_relative_to(tmp_path) for name in (*own, "HOME", "TMPDIR"))
