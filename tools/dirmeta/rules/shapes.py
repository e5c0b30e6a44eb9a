"""UNPACK rules that speak of layers of a particular shape: hostile, malformed, at an edge, or open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dirmeta.model import oracle, overlayfs, paths
from dirmeta.model.entries import AUFS_PREFIX, OPAQUE_MARKER, Entry
from dirmeta.model.stack import Layer
from dirmeta.model.tree import Node
from dirmeta.rules.findings import Finding, differences
from dirmeta.rules.registry import Trial, judges, watches
from dirmeta.rules.seen import LayerSeen, StackSeen
from dirmeta.rules.unpack import unpackings
from dirmeta.rules.words import describe, presence

ESCAPED: Final = "escaped"
"""How the trouble of a subject begins that has changed something outside its destination."""


def layers(trial: Trial) -> Iterator[tuple[int, Layer, LayerSeen]]:
    """Each layer with its number from 1 and what became of it."""
    for number, (layer, seen) in enumerate(zip(trial.case.stack, trial.seen.layers, strict=True), 1):
        yield number, layer, seen


@judges("UNPACK-CONTAINED", StackSeen, {"malformed": 0.5}, refusals=True)
def nothing_outside_is_touched(trial: Trial) -> Iterator[Finding]:
    """Nothing outside the destination is created, marked, chowned or re-timed; refusing conforms."""
    for number, _, seen in layers(trial):
        if seen.trouble.startswith(ESCAPED):
            want = "refused, or unpacked inside DEST"
            yield Finding("UNPACK-CONTAINED", "the layer", want, seen.trouble, number)


@judges("UNPACK-LINKTARGET", StackSeen, {"malformed": 0.5}, refusals=True)
def a_link_never_makes_its_target(trial: Trial) -> Iterator[Finding]:
    """A hardlink never implies its target's parents; an absent target is an error that names it."""
    for number, layer, seen in layers(trial):
        for entry in layer:
            if entry.kind == "hardlink" and not _is_there(entry, layer):
                yield from _dangles(entry, layer, seen, number)


def _is_there(link: Entry, layer: Layer) -> bool:
    """Whether the layer has an entry for the target; a whiteout says that there is nothing."""
    return any(entry.place == link.target_path for entry in layer if entry is not link)


def _dangles(link: Entry, layer: Layer, seen: LayerSeen, number: int) -> Iterator[Finding]:
    want = f"an error that names {paths.printable(link.target_path)}"
    if not seen.refused:
        yield Finding("UNPACK-LINKTARGET", link.path, want, seen.trouble or "success", number)
    elif not any(_names(seen.refused, name) for name in (link.target_path, link.target)):
        yield Finding("UNPACK-LINKTARGET", link.path, want, seen.refused, number)
    stands = layer.explicit.keys() | layer.implied | layer.others.keys() | layer.whiteouts
    for path in (link.target_path, *paths.ancestors(link.target_path)):
        if path in seen.tree and path not in stands:
            yield Finding("UNPACK-LINKTARGET", path, "nothing", presence(seen.tree[path]), number)


def _names(message: str, name: str) -> bool:
    """Whether an error names something, as it is or with some of its bytes escaped: programs differ."""
    encoded = name.encode("utf-8", "surrogateescape")
    octal, hexadecimal = (
        "".join(chr(byte) if 0x20 < byte < 0x7F else escape.format(byte) for byte in encoded)
        for escape in ("\\{:03o}", "\\x{:02x}")
    )
    forms = (name, paths.printable(name), octal, hexadecimal)
    return any(_single(form) in _single(message) for form in forms)


def _single(text: str) -> str:
    """A text with one backslash for several: programs escape it, and so do messages that quote them."""
    return re.sub(r"\\+", r"\\", text)


@judges("UNPACK-BYSTANDER", StackSeen, {"malformed": 0.5}, refusals=True)
def bystanders_are_left_alone(trial: Trial) -> Iterator[Finding]:
    """No entry marks, chowns or re-times what this layer neither implies nor has an entry for, nor a
    symlink on its way or the directory that it leads to."""
    for number, layer, seen in layers(trial):
        if seen.trouble:
            continue
        for path, node in seen.tree.items():
            entry = layer.explicit.get(path) or layer.others.get(path)
            if node.kind != "directory" and _is_marked(node):
                yield Finding("UNPACK-BYSTANDER", path, "no mark", "a mark", number)
            elif entry is None or entry.kind != node.kind:
                continue
            elif entry.kind == "symlink" or (path in _led_to(layer) and seen.ok):
                yield from _changed(entry, node, number)


def _led_to(layer: Layer) -> frozenset[str]:
    """The directories that symlinks of the layer lead to."""
    links = ((path, entry.target) for path, entry in layer.others.items() if entry.kind == "symlink")
    return frozenset(
        paths.clean(target if target.startswith("/") else paths.join(paths.parent(path), target))
        for path, target in links
    )


def _changed(entry: Entry, node: Node, number: int) -> Iterator[Finding]:
    mode = node.mode if entry.kind == "symlink" else entry.mode
    own = Node(node.kind, mode, entry.uid, entry.gid, entry.mtime)
    seen = Node(node.kind, node.mode, node.uid, node.gid, node.mtime)
    for each in differences({entry.path: own}, {entry.path: seen}):
        want, saw = describe(each)
        yield Finding("UNPACK-BYSTANDER", entry.path, want, saw, number, difference=each)
    if _is_marked(node):
        yield Finding("UNPACK-BYSTANDER", entry.path, "no mark", "a mark", number)


def _is_marked(node: Node) -> bool:
    """Whether a node has a mark, in either namespace and whatever its value."""
    return any(name in overlayfs.MARKS for name, _ in node.xattrs)


EDGES: Final = {"too long a component": 0.03, "deep chain": 0.03, "long path": 0.05, "empty layer": 0.03}


@judges("UNPACK-EDGE", StackSeen, EDGES, refusals=True)
def edges_hold(trial: Trial) -> Iterator[Finding]:
    """Empty layers leave no mark; long, deep and odd names work; a component over 255 bytes is an error."""
    judged = "feature" in trial.terms.claims
    for number, layer, seen in layers(trial):
        too_long = "over 255 bytes" in layer.malformed
        if too_long and not seen.refused:
            want, saw = f"an error: {layer.malformed}", seen.trouble or "success"
            yield Finding("UNPACK-EDGE", "the layer", want, saw, number)
        elif not too_long and not seen.ok:
            yield Finding("UNPACK-EDGE", "the layer", "unpacked", seen.trouble or seen.refused, number)
        for path, node in seen.tree.items() if not layer.entries else ():
            if _is_marked(node):
                want = "no mark, as the layer is empty"
                yield Finding("UNPACK-EDGE", path, want, "a mark", number, node)
    for number, unpacking in unpackings(trial):
        for each in unpacking.differences:
            marks = each.name in overlayfs.MARKS and (judged or (each.saw and _is_marked(each.saw)))
            if marks or each.what in ("missing", "extra", "kind", "content", "target"):
                want, saw = describe(each)
                yield Finding("UNPACK-EDGE", each.path, want, saw, number, each.saw, difference=each)


@judges("UNPACK-ROOT", StackSeen, {"root entry": 0.5})
def the_root_entry_counts(trial: Trial) -> Iterator[Finding]:
    """A ./ entry is an explicit directory: exact, and never marked."""
    for number, unpacking in unpackings(trial):
        for each in unpacking.differences:
            if each.path == paths.ROOT:
                want, saw = describe(each)
                yield Finding("UNPACK-ROOT", ".", want, saw, number, each.saw, difference=each)


@watches("UNPACK-ROOT-NONE", StackSeen)
def root_without_entry(trial: Trial) -> Iterator[str]:
    """Without a ./ entry: the root's metadata, and whether it is marked."""
    for _, layer, seen in layers(trial):
        if seen.ok and paths.ROOT not in layer.explicit:
            root = seen.tree[paths.ROOT]
            yield f"{root.mode:04o} {root.uid}:{root.gid}, {'marked' if _is_marked(root) else 'not marked'}"


@watches("UNPACK-SYMLINKPARENT", StackSeen)
def below_a_symlink(trial: Trial) -> Iterator[str]:
    """An entry below a symlink of the same layer: followed inside the root, refused, or replaced."""
    for _, layer, seen in layers(trial):
        links = [path for path, entry in layer.others.items() if entry.kind == "symlink"]
        crossed = [link for link in links if any(paths.below(entry.place, link) for entry in layer)]
        if not crossed:
            continue
        if not seen.ok:
            yield "refused" if seen.refused else seen.trouble
        elif all(seen.tree.get(link, _NOTHING).kind == "symlink" for link in crossed):
            yield "followed"
        else:
            yield "replaced"


@watches("UNPACK-DUPLICATE", StackSeen)
def two_entries(trial: Trial) -> Iterator[str]:
    """Two entries for one path: which one wins."""
    for _, layer, seen in layers(trial):
        for path, entries in _duplicates(layer).items():
            if not seen.ok:
                yield "refused" if seen.refused else seen.trouble
                break
            won = [entry for entry in (entries[0], entries[-1]) if _made(entry, seen.tree.get(path))]
            if len(won) == 1:
                yield "the last wins" if won[0] is entries[-1] else "the first wins"
            elif not won:
                yield "a mixture"


def _duplicates(layer: Layer) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in layer:
        if entry.kind not in ("whiteout", "opaque"):
            found.setdefault(entry.place, []).append(entry)
    return {path: entries for path, entries in found.items() if len(entries) > 1}


def _made(entry: Entry, node: Node | None) -> bool:
    """Whether `node` looks like what `entry` makes; what a hard link makes is its target's to say."""
    if entry.kind == "hardlink":
        return node is not None and node.kind != "directory"
    if node is None or node.kind != entry.kind:
        return False
    same = (node.uid, node.gid, node.mtime) == (entry.uid, entry.gid, entry.mtime)
    return same and node.content == entry.content and (node.mode == entry.mode or entry.kind == "symlink")


@watches("UNPACK-WHFILES", StackSeen)
def aufs_names(trial: Trial) -> Iterator[str]:
    """.wh..wh.* other than the opaque marker: kept, dropped, or taken for whiteouts."""
    for _, layer, seen in layers(trial):
        for entry in layer:
            name = paths.basename(entry.place)
            if not name.startswith(AUFS_PREFIX) or name == OPAQUE_MARKER:
                continue
            hidden = paths.join(paths.parent(entry.place), name.removeprefix(".wh."))
            if not seen.ok:
                yield "refused" if seen.refused else seen.trouble
            elif entry.place in seen.tree:
                yield "kept as a file"
            else:
                yield "a whiteout" if seen.tree.get(hidden, _NOTHING).is_whiteout else "dropped"


@watches("UNPACK-FORGED", StackSeen)
def whiteouts_in_disguise(trial: Trial) -> Iterator[str]:
    """A device entry for char 0:0, which on disk is a whiteout: what a subject makes of it."""
    for _, layer, seen in layers(trial):
        for path, entry in layer.others.items():
            if entry.kind == "char" and entry.device == (0, 0):
                made = seen.tree.get(path)
                if not seen.ok:
                    what = "makes the layer refused" if seen.refused else seen.trouble
                elif made is None:
                    what = "is dropped"
                else:
                    what = "becomes a whiteout" if made.is_whiteout else f"becomes a {made.kind}"
                yield f"a char 0:0 device {what}"


@watches("UNPACK-UNSUPPORTED", StackSeen)
def no_room_for_marks(trial: Trial) -> Iterator[str]:
    """A file system that can not store the mark: an error, a warning and no mark, or silence."""
    for _, layer, seen in layers(trial):
        if not layer.implied or _has_other_xattrs(layer, trial):
            continue
        if any(path in seen.tree and _is_marked(seen.tree[path]) for path in layer.implied):
            yield "the mark is there"
        elif seen.trouble:
            yield seen.trouble
        elif seen.refused:
            yield f"an error that names {_told(seen.refused, layer)}"
        elif _CAUSE.search(seen.said):
            yield f"a warning that names {_told(seen.said, layer)}, and no mark"
        else:
            yield "silence: no mark, and no word of that"


def _has_other_xattrs(layer: Layer, trial: Trial) -> bool:
    """Whether there is more to store than marks, which may be the reason why it fails."""
    expected = oracle.expected_diff(layer, trial.case.setup, trial.terms.policies)
    return any(name not in overlayfs.MARKS for node in expected.values() for name, _ in node.xattrs)


_CAUSE: Final = re.compile(r"not supported|unsupported|ENOTSUP|EOPNOTSUPP|xattr|dirmeta", re.IGNORECASE)
"""What tells why there is no mark, or that this is what it is about."""


def _told(message: str, layer: Layer) -> str:
    """Which a message names of the directory that was to be marked, and the cause."""
    said = ["the file"] * any(_is_named(path, message) for path in layer.implied)
    said += ["the cause"] * bool(_CAUSE.search(message))
    return " and ".join(said) or "neither file nor cause"


def _is_named(path: str, message: str) -> bool:
    """Whether a path is named as such: its name may be a word, so it is quoted, in a path, or apart."""
    for form in (path, paths.printable(path)):
        name = re.escape(form)
        if re.search(rf"""(?<![^\s"'/])(?:{name})/?(?=["':;,)]|$)|["'/]{name}(?=[\s"':;,)/]|$)""", message):
            return True
    return False


_NOTHING = Node("socket")
"""Stands for what is not there; no layer can make one."""
