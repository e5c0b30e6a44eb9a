"""Layers that mean harm, or speak overlayfs's own language (UNPACK-CONTAINED, UNPACK-FORGED)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hypothesis.strategies import SearchStrategy

from dirmeta.generate.choices import Choices
from dirmeta.generate.pools import NO_LIMITS, SECOND, Pools
from dirmeta.generate.shaped import shaped
from dirmeta.generate.trees import Grove
from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import OPAQUE_MARKER, Entry
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case, Layer

CANARY: Final = "../canary"
"""Where every escape leads: to what stands beside the directory that is unpacked into."""
HUGE: Final = 60_000
"""Bytes of an xattr value whose PAX header is huge."""
_FILLS: Final = bytes(set(range(256)) - set(b"0123456789"))
"""What such a value repeats: no digit, on which tarfile takes seconds before 3.11.10 (CVE-2024-6232)."""

Entries = tuple[Entry, ...]
Attack = Callable[[Choices, Grove], Entries]


def hostile(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """A layer with up to three attacks in it; never to be packed, and rarely well formed."""

    def build(choices: Choices, pool: Pools, trees: Grove, layer: Layer) -> Case:
        entries = list(layer)
        for _ in range(1 + choices.index(3)):
            part = choices.part(8)
            attack = part.pick(_ATTACKS)(part, trees)
            at = part.index(len(entries) + 1)
            entries[at:at] = [_allowed(entry, limits) for entry in attack]
        return Case((Layer(tuple(entries)),))

    return shaped(limits, build)


def _allowed(entry: Entry, limits: Limits) -> Entry:
    if limits.trusted or not entry.xattrs:
        return entry
    return replace(entry, xattrs=tuple(pair for pair in entry.xattrs if not pair[0].startswith("trusted.")))


_OUTSIDE: Final = (
    CANARY, CANARY + "/file", CANARY + "/new/f", "a/../../canary/file", "/../canary/file", "./../canary/",
    "../canary/.wh.file",
)  # fmt: skip


def _dotdot(choices: Choices, trees: Grove) -> Entries:
    """A name that leads out."""
    name = choices.pick(_OUTSIDE)
    if name.endswith(".wh.file"):
        return (Entry(name, "whiteout"),)
    kind = choices.index(4)
    if kind == 0:
        return (Entry(name, "directory", 0o700, 7, 8, 1000 * SECOND),)
    if kind == 1:
        return (Entry(name, "symlink", 0o777, target="x"),)
    if kind == 2:
        return (Entry("linked", "file"), Entry(name, "hardlink", target="linked"))
    return (Entry(name, "file", 0o600, 7, 8, 1000 * SECOND, content=b"written"),)


def _dotdot_inside(choices: Choices, trees: Grove) -> Entries:
    """``..`` that stays inside, and one that an opaque marker or a whiteout hides behind."""
    up = choices.pick(trees.directories) + "/../" + choices.pick(("f", "x/f"))
    return (Entry(up, "file"), Entry("../" + OPAQUE_MARKER, "opaque"))[: 1 + choices.index(2)]


def _absolute(choices: Choices, trees: Grove) -> Entries:
    name = choices.pick(("/canary/file", "//canary/new/f", "/etc/dirmeta-canary", "/tmp/dirmeta-canary/"))
    if name.endswith("/"):
        return (Entry(name, "directory", 0o700),)
    return (Entry(name, "file", content=b"written"),)


def _through_symlink(choices: Choices, trees: Grove) -> Entries:
    """Entries below a symlink that leads out."""
    target = choices.pick((CANARY, "../../canary", "/../canary", ".."))
    name = choices.pick(("escape", "a/escape"))
    below = choices.pick(("file", "new/f", "new/", ".wh.file", OPAQUE_MARKER, "canary/file"))
    return (Entry(name, "symlink", 0o777, target=target), _below(paths.join(name, below)))


def _below(name: str) -> Entry:
    if name.endswith("/"):
        return Entry(name, "directory", 0o700, 7, 8, 1000 * SECOND)
    if name.endswith(OPAQUE_MARKER):
        return Entry(name, "opaque")
    return Entry(name, "whiteout" if ".wh." in name else "file")


def _onto_symlink(choices: Choices, trees: Grove) -> Entries:
    """A symlink that leads out, and another entry for its own name, or a hardlink to it."""
    link = Entry("escape", "symlink", 0o777, target=choices.pick((CANARY, CANARY + "/file")))
    second = choices.index(3)
    if second == 0:
        return (link, Entry("escape/", "directory", 0o700, 7, 8, 1000 * SECOND))
    if second == 1:
        return (link, Entry("escape", "file", 0o600, content=b"written"))
    return (
        link,
        Entry("second", "hardlink", 0o777, target="escape"),
        Entry("second", "file", content=b"written"),
    )


def _out_by_hardlink(choices: Choices, trees: Grove) -> Entries:
    target = choices.pick((CANARY + "/file", "/../canary/file", "a/../../canary/file", "/etc/hostname"))
    link = Entry("stolen", "hardlink", 0o600, 7, 8, target=target)
    return (link, Entry("stolen", "file", 0o600, content=b"written"))[: 1 + choices.index(2)]


def _huge_header(choices: Choices, trees: Grove) -> Entries:
    value = bytes([choices.pick(_FILLS)]) * HUGE
    name = choices.pick(trees.directories) + "/huge"
    return (Entry(name, "file", xattrs=(("user.huge", value),)),)


def _odd_time(choices: Choices, trees: Grove) -> Entries:
    time = choices.pick((-1, -(1 << 31) * SECOND - 1, (1 << 33) * SECOND, (1 << 33) * SECOND + 1, (1 << 62)))
    return (
        Entry(choices.pick(trees.directories) + "/then", "file", mtime=time),
        Entry("then/", "directory", mtime=time),
    )


def _twice(choices: Choices, trees: Grove) -> Entries:
    name = choices.pick(trees.directories)
    other = Entry(name, "file") if choices.chance(1, 2) else Entry(name, "symlink", 0o777, target=CANARY)
    return (Entry(name + "/", "directory", 0o700), other, Entry(name + "/", "directory", 0o711))


def _below_file(choices: Choices, trees: Grove) -> Entries:
    solid = Entry("solid", "file") if choices.chance(1, 2) else Entry("solid", "fifo")
    return (solid, _below("solid/" + choices.pick(("f", "new/f", "new/", ".wh.f", OPAQUE_MARKER))))


def _forgery(choices: Choices, trees: Grove) -> Entries:
    return (forged_entry(choices, Entry(choices.pick(trees.directories) + "/", "directory", 0o700)),)


_ATTACKS: Final[tuple[Attack, ...]] = (
    _dotdot, _through_symlink, _out_by_hardlink, _onto_symlink, _absolute, _dotdot_inside, _forgery,
    _huge_header, _odd_time, _twice, _below_file, _dotdot, _through_symlink,
)  # fmt: skip

_PRIVATE: Final = (
    (overlayfs.MARK, b"y"), (overlayfs.OPAQUE, b"y"), (overlayfs.REDIRECT, b"/a"), (overlayfs.MARK, b""),
    ("metacopy", b""), ("origin", b"\x00\xfb\x1d\x00"), (overlayfs.OPAQUE, b"x"), (overlayfs.XWHITEOUT, b"y"),
    ("impure", b"y"), ("overlay." + overlayfs.MARK, b"y"), ("nlink", b"U+1"),
)  # fmt: skip


def forged_entry(choices: Choices, entry: Entry) -> Entry:
    """`entry` with one or two overlay-private xattrs, in either namespace. Reads two or three bytes."""
    xattrs = dict(entry.xattrs)
    for _ in range(1 + choices.index(2)):
        name, value = choices.pick(_PRIVATE)
        prefix = overlayfs.PREFIX["trusted" if choices.index(2) == 0 else "user"]
        xattrs[prefix + name] = value
    return entry.with_xattrs(xattrs)


def forged(limits: Limits = NO_LIMITS) -> SearchStrategy[Case]:
    """A well-formed layer whose directories and files carry overlay-private xattrs of the image's own,
    rarely with a char 0:0 device, which is a whiteout in disguise."""

    def build(choices: Choices, pool: Pools, trees: Grove, layer: Layer) -> Case:
        entries = [
            _allowed(forged_entry(choices, entry), limits) if _is_forgeable(entry, layer, choices) else entry
            for entry in layer
        ]
        if not any(entry.xattrs and _is_forged(entry) for entry in entries):
            entries.append(Entry("forged/", "directory", 0o700, xattrs=(("user.overlay.opaque", b"y"),)))
        if choices.chance(1, 4):
            entries.append(Entry("disguised", "char"))
        return Case((Layer(tuple(entries)),))

    return shaped(limits, build)


def _is_forgeable(entry: Entry, layer: Layer, choices: Choices) -> bool:
    """Whether to forge an entry: most directories, and files that nothing links to."""
    if entry.kind == "directory":
        return choices.index(4) < 3
    linked = any(other.kind == "hardlink" and other.target_path == entry.place for other in layer)
    return entry.kind == "file" and not linked and choices.index(4) == 3


def _is_forged(entry: Entry) -> bool:
    return any(overlayfs.is_overlay_private(name) for name, _ in entry.xattrs)
