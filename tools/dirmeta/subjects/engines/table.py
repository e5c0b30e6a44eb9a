"""The engines there are, by name and options."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from dirmeta.subjects import SUBJECTS, UnknownSubject, subject
from dirmeta.subjects.base import Subject
from dirmeta.subjects.engines import containers
from dirmeta.subjects.engines.applied import Applied
from dirmeta.subjects.engines.base import TIMEOUT, Engine, Traits
from dirmeta.subjects.engines.buildah import buildah
from dirmeta.subjects.engines.composed import Flat, Overlaid
from dirmeta.subjects.engines.containerd import TRAITS as SNAPSHOTTERS
from dirmeta.subjects.engines.containerd import containerd
from dirmeta.subjects.engines.containersstorage import containers_storage
from dirmeta.subjects.engines.docker import TRAITS as DOCKER_DRIVERS
from dirmeta.subjects.engines.docker import docker
from dirmeta.subjects.engines.ostree import ostree
from dirmeta.subjects.engines.podman import podman
from dirmeta.subjects.engines.program import program_engine
from dirmeta.subjects.engines.rootless import podman_rootless
from dirmeta.subjects.engines.skopeo import skopeo
from dirmeta.subjects.engines.tar2sqfs import tar2sqfs
from dirmeta.subjects.engines.umoci import umoci, umoci_rootless
from dirmeta.subjects.tartool import TOOLS


class Row(NamedTuple):
    """How an engine is made: from its full name, and its options as text.

    options  option → its values, the default first
    """

    make: Callable[..., Engine]
    options: Mapping[str, tuple[str, ...]] = MappingProxyType({})


_DRIVERS: Final = {"driver": containers.DRIVERS}
_UNMOUNTED: Final = {"driver": ("overlay", "vfs")}
"""fuse-overlayfs differs from overlay only in how layers are mounted."""

ENGINES: Final[dict[str, Row]] = {
    "umoci": Row(umoci),
    "umoci-rootless": Row(umoci_rootless),
    "podman": Row(podman, _DRIVERS),
    "podman-rootless": Row(podman_rootless, _DRIVERS),
    "buildah": Row(buildah, _DRIVERS),
    "skopeo": Row(skopeo, _UNMOUNTED),
    "containers-storage": Row(containers_storage, _UNMOUNTED),
    "containerd": Row(containerd, {"snapshotter": tuple(SNAPSHOTTERS)}),
    "docker": Row(docker, {"driver": tuple(DOCKER_DRIVERS)}),
    "ostree": Row(ostree),
    "tar2sqfs": Row(tar2sqfs),
}


def engine(spec: str, timeout: float = TIMEOUT) -> Engine:
    """The engine of ``NAME[,option=value…]``, ``engine:PROGRAM``, or ``HOW:SUBJECT`` with one of `LAYERWISE`;
    of a plain subject the overlay. Raises UnknownSubject, NotInstalled, SubjectError.

    timeout: seconds a layer or an image, for programs of the user's.
    """
    kind, colon, rest = spec.partition(":")
    name, *settings = spec.split(",")
    if kind == "engine" and colon:
        return program_engine(rest, timeout)
    if kind in LAYERWISE and colon:
        return LAYERWISE[kind](subject(rest, timeout=timeout))
    if name in ENGINES:
        return _of_row(name, settings)
    if kind in SUBJECTS or name in SUBJECTS:
        return _overlaid(subject(spec, timeout=timeout))
    there_are = ", ".join((*ENGINES, "engine:PROGRAM", *(f"{how}:SUBJECT" for how in LAYERWISE)))
    raise UnknownSubject(f"{spec}: there is no such subject; there are {there_are}")


def _of_row(name: str, settings: list[str]) -> Engine:
    row = ENGINES[name]
    chosen = {option: values[0] for option, values in row.options.items()}
    for setting in settings:
        option, _, value = setting.partition("=")
        if value not in row.options.get(option, ()):
            takes = ", ".join(f"{each}={'|'.join(values)}" for each, values in row.options.items())
            raise UnknownSubject(f"{name}: {setting!r} is no option of it; it takes {takes or 'no options'}")
        chosen[option] = value
    return row.make(_spelled(name, chosen), **chosen)


def _spelled(name: str, chosen: dict[str, str]) -> str:
    return ",".join((name, *(f"{option}={value}" for option, value in chosen.items())))


def _overlaid(subject: Subject) -> Overlaid:
    own = "feature" in subject.claims
    whiteouts = "whiteouts" in subject.claims
    return Overlaid(
        subject,
        Traits("topmost", "", subject.keeps, whiteouts=whiteouts, placeholder_mtime="0" if own else "now"),
    )


def _flat(subject: Subject) -> Flat:
    _require_no_whiteouts(subject, Flat.how)
    return Flat(subject, Traits(subject.semantics, subject.variant, subject.keeps, whiteouts=False))


def _applied(subject: Subject) -> Applied:
    _require_no_whiteouts(subject, Applied.how)
    return Applied(subject)


def _require_no_whiteouts(subject: Subject, how: str) -> None:
    if "whiteouts" in subject.claims:
        raise UnknownSubject(
            f"{how}:{subject.name}: it makes diff directories, which do not go over one another; "
            f"ask for overlay:{subject.name}"
        )


LAYERWISE: Final[dict[str, Callable[[Subject], Engine]]] = {
    "overlay": _overlaid,
    "flat": _flat,
    "sequential": _applied,
}
"""What can be done with the layers that a layer-level subject unpacks."""


def layer_subject(spec: str) -> str:
    """The layer-level subject that an engine of that name puts to use; "" for one that has none."""
    kind, colon, rest = spec.partition(":")
    return rest if colon and kind in LAYERWISE else ""


def is_engine(spec: str) -> bool:
    """Whether that names an engine, and not what unpacks a single layer, or nothing."""
    kind, colon, _ = spec.partition(":")
    return kind in ("engine", *LAYERWISE) if colon else spec.partition(",")[0] in ENGINES


def configurations() -> Iterator[str]:
    """Every engine with every choice of its options, and every layer-level subject in each way."""
    for name, row in ENGINES.items():
        for values in itertools.product(*row.options.values()):
            yield _spelled(name, dict(zip(row.options, values, strict=True)))
    yield from (f"overlay:{name}" for name in SUBJECTS if name != "cmd")
    yield from (f"{how}:{name}" for how in ("flat", "sequential") for name in TOOLS)
