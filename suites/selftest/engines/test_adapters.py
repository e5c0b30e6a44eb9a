"""What each adapter makes of its tool: one that is missing, old, refusing, and daemons that end too soon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dirmeta.judge import matrix
from dirmeta.judge.asking import Asked, is_root
from dirmeta.judge.composing import SMOKE
from dirmeta.judge.corpus import corpus
from dirmeta.subjects import SubjectError
from dirmeta.subjects.engines import containerd, containers, docker, probe, process
from dirmeta.subjects.engines.base import EngineError, NotInstalled
from dirmeta.subjects.engines.image import Image
from dirmeta.subjects.engines.rootless import _keeper
from dirmeta.subjects.engines.table import ENGINES, engine
from dirmeta.subjects.engines.world import World

from ..worlds import skip_without
from .fakes import CONTAINERD, CTR, DOCKERD, NEW, PODMAN, SAYS, UMOCI, Tools

PROGRAMS = {
    "umoci": ("umoci", "umoci"),
    "umoci-rootless": ("umoci", "umoci"),
    "podman": ("podman", "podman"),
    "podman-rootless": ("newuidmap", "uidmap"),
    "buildah": ("buildah", "buildah"),
    "skopeo": ("skopeo", "skopeo"),
    "containers-storage": ("containers-storage", "containers-storage"),
    "containerd": ("containerd", "containerd"),
    "docker": ("dockerd", "docker.io"),
    "ostree": ("ostree", "ostree"),
    "tar2sqfs": ("tar2sqfs", "squashfs-tools-ng"),
}
"""The program that each engine looks for first, and the Debian package that has it."""
OLDEST = {
    "umoci": "0.4.6",
    "podman": "3.0",
    "buildah": "1.20",
    "skopeo": "1.2",
    "containerd": "1.4",
    "docker": "19.03",
    "ostree": "2018.9",
}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    return Tools(tmp_path / "bin", monkeypatch)


@pytest.fixture
def nothing_else(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Nothing in PATH but stand-ins."""
    for module in (process, probe):
        monkeypatch.setattr(module, "search_path", lambda: str(tools.directory))
    return tools


def world(spec: str) -> World:
    """The engine in a world of its own, which has to be had here."""
    try:
        return World(engine(spec))
    except EngineError as why:
        if "world" in str(why):
            skip_without(why)
        raise


def test_every_engine_is_here() -> None:
    assert PROGRAMS.keys() == ENGINES.keys()


@pytest.mark.parametrize("name", ENGINES)
def test_a_missing_tool_is_told_with_its_package(nothing_else: Tools, name: str) -> None:
    program, package = PROGRAMS[name]
    with pytest.raises(NotInstalled) as raised:
        engine(name)
    assert str(raised.value) == f"{program} is not installed; apt-get install {package}"
    row = matrix.judge(name, Asked((name,), corpus()))
    assert (row.status, row.why) == ("n/a", str(raised.value))


@pytest.mark.parametrize("name", OLDEST)
def test_a_tool_that_is_too_old_is_told_with_what_is_needed(nothing_else: Tools, name: str) -> None:
    program, package = PROGRAMS[name]
    path = nothing_else.put(program, "exit 9", version="0.4")
    with pytest.raises(NotInstalled) as raised:
        engine(name)
    assert str(raised.value) == (
        f"{path} is 0.4, which is too old: {OLDEST[name]} or later is needed; apt-get install {package}"
    )


@pytest.mark.parametrize("name", [name for name, (first, _) in PROGRAMS.items() if first in SAYS])
def test_the_version_is_found_in_what_the_real_one_says(nothing_else: Tools, name: str) -> None:
    for each in SAYS:
        nothing_else.put(each, "exit 9", version="2099.1~ds2")
    assert engine(name).version.startswith("2099.1")


@pytest.mark.parametrize(
    ("server", "client", "package"), [("containerd", "ctr", "containerd"), ("dockerd", "docker", "docker.io")]
)
def test_a_daemon_without_its_client_is_not_installed(
    nothing_else: Tools, server: str, client: str, package: str
) -> None:
    nothing_else.put(server, "exit 9")
    with pytest.raises(NotInstalled, match=rf"^{client} is not installed; apt-get install {package}$"):
        engine("containerd" if server == "containerd" else "docker")


def test_a_driver_that_needs_a_program_says_so(nothing_else: Tools) -> None:
    nothing_else.put("podman", "exit 9")
    with pytest.raises(NotInstalled, match=r"^fuse-overlayfs is not installed; apt-get install fuse-overl"):
        engine("podman,driver=fuse-overlayfs")


def test_who_needs_root_says_so(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    tools.put("podman", "exit 9")
    monkeypatch.setattr(matrix, "is_root", lambda: False)
    row = matrix.judge("podman", Asked(("podman",), corpus()))
    assert (row.status, row.why, row.version) == ("n/a", "needs root; run it with sudo", NEW)


needs_root = pytest.mark.skipif(not is_root(), reason="these need root")


@needs_root
@pytest.mark.parametrize(
    ("spec", "programs"),
    [
        ("umoci", {"umoci": UMOCI}),
        ("podman,driver=vfs", {"podman": PODMAN}),
        ("containerd,snapshotter=native", {"containerd": CONTAINERD, "ctr": CTR}),
    ],
)
def test_what_a_tool_unpacks_is_what_is_judged(tools: Tools, spec: str, programs: dict[str, str]) -> None:
    for name, does in programs.items():
        tools.put(name, does)
    cases = tuple(each for each in corpus() if each.name in "AE")
    row = matrix.judge(spec, Asked((spec,), cases, expect=("sequential", "keep")))
    if "world" in row.why:
        skip_without(row.why)
    assert (row.status, row.why, row.deviates) == ("judged", "", False)
    assert [cell.saw for cell in row.cells] == ["0750 7:8 0 user.probe", "1777 0:0 0"]


@needs_root
@pytest.mark.parametrize(
    ("spec", "programs", "words"),
    [
        ("umoci", {"umoci": "{fail}"}, "umoci raw unpack"),
        ("podman,driver=vfs", {"podman": "{fail}"}, "podman pull"),
        ("buildah,driver=vfs", {"buildah": "{fail}"}, "buildah"),
        ("skopeo,driver=vfs", {"skopeo": "{fail}"}, "skopeo copy"),
        ("ostree", {"ostree": "{fail}"}, "ostree init"),
        ("tar2sqfs", {"tar2sqfs": "{fail}"}, "tar2sqfs"),
        ("containerd", {"containerd": CONTAINERD, "ctr": "{fail}"}, "ctr images import"),
        ("docker,driver=vfs", {"dockerd": DOCKERD, "docker": "{fail}"}, "docker load"),
    ],
)
def test_a_refused_image_is_told_in_the_tools_words(
    tools: Tools, spec: str, programs: dict[str, str], words: str
) -> None:
    for name, does in programs.items():
        tools.put(
            name, does.replace("{fail}", "echo 'level=warning no matter' >&2; echo 'odd layer' >&2; exit 7")
        )
    with world(spec) as here:
        seen = here.compose(SMOKE)
        assert seen.tree is None
        assert seen.refused.startswith(words)
        assert seen.refused.endswith(": exit status 7: odd layer")
        assert here.compose(SMOKE).refused == seen.refused, "it goes on"
    row = matrix.judge(spec, Asked((spec,), corpus()[:1]))
    assert (row.status, row.why) == ("error", f"fails the smoke check: {seen.refused}")


DAEMONS = [("containerd", "containerd", "ctr"), ("docker,driver=vfs", "dockerd", "docker")]


@needs_root
@pytest.mark.parametrize(("spec", "server", "client"), DAEMONS)
def test_a_daemon_that_does_not_start_is_told_in_its_words(
    tools: Tools, spec: str, server: str, client: str
) -> None:
    tools.put(server, "echo 'no cgroups here' >&2; exit 3")
    tools.put(client, "exit 9")
    with pytest.raises(EngineError, match=rf"^{server} does not start: exit status 3: no cgroups here$"):
        world(spec)


@needs_root
@pytest.mark.parametrize(("spec", "server", "client"), DAEMONS)
def test_a_daemon_that_dies_in_the_middle_is_an_error_and_no_refusal(
    tools: Tools, spec: str, server: str, client: str
) -> None:
    tools.put(server, {"containerd": CONTAINERD, "dockerd": DOCKERD}[server])
    find = "for i; do case $i in unix://*|/*.sock|--host=unix://*) s=${i#*unix://};; esac; done"
    tools.put(client, f'{find}; kill -9 $(cat "$s.pid"); exit 1')
    row = matrix.judge(spec, Asked((spec,), corpus()[:1]))
    if "world" in row.why:
        skip_without(row.why)
    assert row.status == "error"
    assert row.why.startswith(f"{server} died in the middle: signal 9")


def store(tmp_path: Path, driver: str) -> containers.Store:
    """One with an image of two layers, as containers/storage writes it."""
    made = containers.Store(str(tmp_path / "home"), driver)
    for kind, records in (
        ("images", [{"id": "one", "layer": "top"}]),
        ("layers", [{"id": "base"}, {"id": "top", "parent": "base"}]),
    ):
        folder = Path(made.graph) / f"{made.driver}-{kind}"
        folder.mkdir(parents=True)
        (folder / f"{kind}.json").write_text(json.dumps(records))
    return made


def test_the_layers_of_an_image_are_found_lowest_first(tmp_path: Path) -> None:
    made = store(tmp_path, "overlay")
    assert made.layers("one") == tuple(f"{made.graph}/overlay/{name}/diff" for name in ("base", "top"))
    assert made.diffs("one") == made.layers("one")
    assert made.newest("images")["id"] == "one"


def test_vfs_has_no_diff_directories(tmp_path: Path) -> None:
    made = store(tmp_path, "vfs")
    assert made.layers("one") == tuple(f"{made.graph}/vfs/dir/{name}" for name in ("base", "top"))
    assert made.diffs("one") == ()


def test_a_store_without_its_lists_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the store has no list of images: "):
        containers.Store(str(tmp_path), "overlay").layers("one")


def test_a_store_is_told_to_use_nothing_of_the_machines(tmp_path: Path) -> None:
    made = containers.Store(str(tmp_path), "overlay")
    assert all(value.startswith(str(tmp_path)) for name, value in made.env.items() if "CONTAINERS" in name)
    settings = Path(made.env["CONTAINERS_CONF"]).read_text()
    assert f'network_config_dir = "{tmp_path}/networks"' in settings


@pytest.mark.parametrize(
    ("command", "layers"),
    [
        ("mount -t overlay overlay /r -o index=off,lowerdir=/b/2/fs:/b/1/fs", ("/b/1/fs", "/b/2/fs")),
        (
            "mount -t bind /x/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs /r -o ro",
            ("/x/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs",),
        ),
        ("mount -t bind /x/io.containerd.snapshotter.v1.native/snapshots/1 /r -o ro", ()),
    ],
)
def test_diff_directories_are_read_from_containerds_mount_command(
    command: str, layers: tuple[str, ...]
) -> None:
    assert containerd.layers_of(command) == layers


def test_a_layer_that_dockers_store_lacks_is_named(tmp_path: Path) -> None:
    known = docker.Docker("docker,driver=vfs", "/x", "20", "/x", "vfs")
    with pytest.raises(EngineError, match=r"^docker's store has no layer 1: "):
        known._layers(str(tmp_path), Image(SMOKE, str(tmp_path / "image")))


def test_rootless_podman_without_a_process_in_its_namespaces_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="podman keeps no process in the user's namespaces"):
        _keeper(str(tmp_path))
    (tmp_path / "pause.pid").write_text("77")
    assert _keeper(str(tmp_path)) == 77
