"""Stacks from image archives and layer files: whatever a person has at hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from dirmeta.model.entries import Entry
from dirmeta.model.stack import Layer, Stack
from dirmeta.streams import tar
from dirmeta.streams.compress import Compression, compress
from dirmeta.streams.docker import read_archive
from dirmeta.streams.errors import LoadError
from dirmeta.streams.layout import digest
from dirmeta.streams.library import END
from dirmeta.streams.load import load
from dirmeta.streams.oci import write_layout

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


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_layout(STACK, tmp_path / "image")
    return tmp_path / "image"


def archive(path: Path, contents: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as out:
        for name, data in contents.items():
            file = path.parent / "member"
            file.write_bytes(data)
            out.add(file, name)
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            out.addfile(info)
    return path


def saved(*images: tuple[str, Stack]) -> dict[str, bytes]:
    """The files of `docker save`."""
    contents: dict[str, bytes] = {}
    manifest = []
    for tag, stack in images:
        tars = [tar.encode(layer) for layer in stack]
        names = [f"{digest(data)[7:]}/layer.tar" for data in tars]
        contents.update(zip(names, tars, strict=True))
        contents[f"{tag}.json"] = json.dumps(
            {"rootfs": {"diff_ids": [digest(data) for data in tars]}}
        ).encode()
        manifest.append({"Config": f"{tag}.json", "RepoTags": [f"{tag}:latest"], "Layers": names})
    return contents | {"manifest.json": json.dumps(manifest).encode()}


def test_what_docker_saves_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "image.tar", saved(("box", STACK)))
    assert read_archive(path) == load(path) == load(path, ref="box:latest") == STACK


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_compressed_archive_is_read(tmp_path: Path, how: Compression) -> None:
    path = archive(tmp_path / "image.tar", saved(("box", STACK)))
    path.write_bytes(compress(path.read_bytes(), how))
    assert load(path) == STACK


def test_layers_that_are_links_are_followed(tmp_path: Path) -> None:
    contents = saved(("box", (BASE, BASE)))
    name = next(name for name in contents if name.endswith("layer.tar"))
    contents["manifest.json"] = json.dumps(
        [{"Config": "box.json", "RepoTags": None, "Layers": [name, "copy/layer.tar"]}]
    ).encode()
    path = archive(tmp_path / "image.tar", contents, {"copy/layer.tar": f"../{name}"})
    assert load(path) == (BASE, BASE)


def test_an_archived_layout_is_read(tmp_path: Path, written: Path) -> None:
    path = archive(tmp_path / "image.tar", {f"./{name}": data for name, data in files(written).items()})
    assert read_archive(path, "latest") == load(path) == STACK


def test_an_archive_of_several_images_lists_them(tmp_path: Path) -> None:
    path = archive(tmp_path / "image.tar", saved(("box", STACK), ("base", STACK[:1])))
    assert read_archive(path, "base:latest") == STACK[:1]
    with pytest.raises(LoadError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: holds 2 images, ask for one by name: box:latest box.json, base:latest base.json"
    )


@pytest.mark.parametrize("gone", ["box.json", f"{digest(tar.encode(BASE))[7:]}/layer.tar"])
def test_what_is_missing_in_an_archive_is_named(tmp_path: Path, gone: str) -> None:
    contents = saved(("box", STACK))
    del contents[gone]
    with pytest.raises(LoadError, match=f"image.tar: {gone} is missing or unreadable in the archive$"):
        load(archive(tmp_path / "image.tar", contents, {gone: gone}))


# Layer tar files.


@pytest.mark.parametrize("how", ["", "gzip", "zstd"])
def test_layer_files_are_a_stack_lowest_first(tmp_path: Path, how: Compression) -> None:
    paths = [tmp_path / f"{number}.tar" for number in range(len(STACK))]
    for path, layer in zip(paths, STACK, strict=True):
        path.write_bytes(compress(tar.encode(layer), how))
    assert load(*paths) == STACK and load(paths[0]) == STACK[:1]


def test_a_layer_may_hold_a_file_named_manifest(tmp_path: Path) -> None:
    layer = Layer((Entry("manifest.json", "file", content=b"{}"), Entry("oci-layout", "file")))
    (tmp_path / "layer.tar").write_bytes(tar.encode(layer))
    assert load(tmp_path / "layer.tar") == (layer,)


def test_a_size_below_zero_does_not_go_round_for_ever(tmp_path: Path) -> None:
    info = tarfile.TarInfo("bad")
    info.pax_headers = {"size": "-1024"}
    (tmp_path / "layer.tar").write_bytes(info.tobuf(tarfile.PAX_FORMAT) + END)
    with pytest.raises(LoadError, match=r"layer\.tar: (bad: truncated within its content|.*invalid offset)$"):
        load(tmp_path / "layer.tar")


def test_what_is_no_stack_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello\n" * 1000)
    (tmp_path / "cut.tar").write_bytes(tar.encode(BASE)[:512])
    (tmp_path / "layer.tar").write_bytes(tar.encode(BASE))
    for name, ref, why in (
        ("text", None, "unreadable header at its beginning: "),
        ("cut.tar", None, "truncated after etc/"),
        ("absent", None, "No such file or directory"),
        (
            ".",
            None,
            "is a directory without oci-layout; give an OCI layout, an image archive or layer tar files",
        ),
        ("layer.tar", "latest", "is no image, so it holds none named latest"),
    ):
        with pytest.raises(LoadError) as caught:
            load(tmp_path / name, ref=ref)
        assert str(caught.value).startswith(f"{tmp_path / name}: {why}") and "\n" not in str(caught.value)


@pytest.fixture
def skopeo() -> str:
    program = shutil.which("skopeo")
    if program is None:
        pytest.skip("skopeo is not installed")
    return program


def test_what_skopeo_copies_is_read(skopeo: str, tmp_path: Path, written: Path) -> None:
    for kind, name in (("docker-archive", "docker.tar"), ("oci-archive", "oci.tar")):
        target = f"{kind}:{tmp_path / name}:box:latest"
        command = [skopeo, "--insecure-policy", "copy", "--quiet", f"oci:{written}:latest", target]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert load(tmp_path / name) == STACK
