"""Stacks as OCI image layouts."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dirmeta.model.entries import Entry
from dirmeta.model.stack import Layer, Stack, TarFormat
from dirmeta.streams.compress import Compression
from dirmeta.streams.errors import EncodeError, LoadError
from dirmeta.streams.layout import blob_path, digest
from dirmeta.streams.load import load
from dirmeta.streams.oci import read_layout, write_layout

BASE = Layer((
    Entry("etc/", "directory", 0o750, 7, 8, 5 * 10**9),
    Entry("etc/passwd", "file", content=b"root"),
    Entry("tmp", "directory", 0o1777),
))  # fmt: skip
STACK: Stack = (
    BASE,
    Layer((Entry("etc/shadow", "file", 0o600),)),
    Layer((Entry("etc/.wh.passwd", "whiteout"),)),
)
NAMED: Stack = (Layer((Entry("f\udcff\n", "file", mtime=-1, xattrs=(("user.a", b"\xff"),)),)),)


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_layout(STACK, tmp_path / "image")
    return tmp_path / "image"


@pytest.mark.parametrize("format", ["pax", "gnu", "ustar"])
@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_stack_comes_back(tmp_path: Path, format: TarFormat, compression: Compression) -> None:
    write_layout(STACK, tmp_path, format=format, compression=compression)
    assert read_layout(tmp_path) == STACK


@pytest.mark.parametrize("stack", [(), (Layer(),), (BASE, BASE), NAMED])
def test_unusual_stacks_come_back(tmp_path: Path, stack: Stack) -> None:
    write_layout(stack, tmp_path)
    assert load(tmp_path) == stack


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_the_same_stack_gives_the_same_files(tmp_path: Path, compression: Compression) -> None:
    for name in ("one", "two"):
        write_layout(STACK, tmp_path / name, compression=compression)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_refusal_names_the_layer_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match=r"^layer 2: f.*: gnu holds no xattrs"):
        write_layout(STACK[:1] + NAMED, tmp_path / "image", format="gnu")
    assert not (tmp_path / "image").exists()


# Layouts that others write, and broken ones.


def edit(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest of the one image in a layout, digests made right again."""
    index = json.loads((directory / "index.json").read_bytes())
    manifest = json.loads((directory / blob_path(index["manifests"][0]["digest"])).read_bytes())
    change(manifest)
    index["manifests"][0] |= put(directory, json.dumps(manifest).encode())
    (directory / "index.json").write_text(json.dumps(index))


def put(directory: Path, data: bytes) -> dict[str, Any]:
    (directory / blob_path(digest(data))).write_bytes(data)
    return {"digest": digest(data), "size": len(data)}


def manifests(directory: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((directory / "index.json").read_bytes())["manifests"]
    return found


def write_index(directory: Path, entries: list[dict[str, Any]]) -> None:
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


@pytest.fixture
def platforms(tmp_path: Path) -> Path:
    """A layout with an index of two platforms and an attestation, as BuildKit writes it."""
    directory, entries = tmp_path / "image", []
    for stack, architecture in ((STACK, "amd64"), (STACK[:1], "arm64")):
        write_layout(stack, directory)
        [entry] = manifests(directory)
        entries.append(entry | {"annotations": {}, "platform": {"os": "linux", "architecture": architecture}})
    attestation = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    index = put(directory, json.dumps({"manifests": [*entries, entries[0] | attestation]}).encode())
    names = {"annotations": {"org.opencontainers.image.ref.name": "latest"}}
    write_index(directory, [index | names | {"mediaType": "application/vnd.oci.image.index.v1+json"}])
    return directory


def test_an_image_is_found_by_its_platform(platforms: Path) -> None:
    assert read_layout(platforms, "linux/amd64") == STACK
    assert load(platforms, ref="linux/arm64") == STACK[:1]


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        (None, "holds 2 images, ask for one by name: latest linux/amd64, latest linux/arm64"),
        ("latest", "latest is the name of 2 images: latest linux/amd64, latest linux/arm64"),
        ("v1", "holds no image v1; there are: latest linux/amd64, latest linux/arm64"),
    ],
)
def test_a_choice_that_is_none_lists_the_images(platforms: Path, ref: str | None, why: str) -> None:
    with pytest.raises(LoadError) as caught:
        read_layout(platforms, ref)
    assert str(caught.value) == f"{platforms}: {why}"


def test_a_changed_blob_is_refused(written: Path) -> None:
    for name in (name for name in files(written) if name.startswith("blobs")):
        whole = (written / name).read_bytes()
        (written / name).write_bytes(whole + b" ")
        with pytest.raises(LoadError, match=f"{name} is not what its digest says"):
            read_layout(written)
        (written / name).write_bytes(whole)
    assert read_layout(written) == STACK


def test_a_missing_blob_is_named(written: Path) -> None:
    name = next(name for name in files(written) if name.startswith("blobs"))
    (written / name).unlink()
    with pytest.raises(LoadError, match=f"{name}: No such file or directory$"):
        read_layout(written)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda manifest: manifest["layers"].pop(), "config: 3 diff_ids for 2 layers"),
        (lambda manifest: manifest["layers"].reverse(), "layer 1: is not what its diff_id"),
        (lambda manifest: manifest.pop("layers"), "manifest has no layers"),
        (
            lambda manifest: manifest["layers"][0].update(digest="sha256:../../x"),
            "is no sha256 or sha512 digest",
        ),
        (
            lambda manifest: manifest["layers"][0].update(mediaType="text/plain"),
            "is no media type of a layer",
        ),
        (lambda manifest: manifest.update(config=manifest["layers"][0]), "config is not JSON: "),
    ],
)
def test_a_broken_manifest_is_refused(
    written: Path, change: Callable[[dict[str, Any]], object], why: str
) -> None:
    edit(written, change)
    with pytest.raises(LoadError) as caught:
        read_layout(written)
    assert str(caught.value).startswith(f"{written}: ") and why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layer_that_grows_without_end_is_refused(written: Path) -> None:
    with pytest.raises(LoadError, match="layer 1: decompresses to more than the 100 bytes allowed"):
        read_layout(written, limit=100)


@pytest.fixture
def skopeo() -> str:
    program = shutil.which("skopeo")
    if program is None:
        pytest.skip("skopeo is not installed")
    return program


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@pytest.mark.parametrize("stack", [STACK, NAMED, ()])
def test_skopeo_inspects_what_is_written(
    skopeo: str, tmp_path: Path, stack: Stack, compression: Compression
) -> None:
    write_layout(stack, tmp_path, compression=compression)
    done = subprocess.run(
        [skopeo, "inspect", f"oci:{tmp_path}:latest"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["Layers"] or ()) == len(stack)
