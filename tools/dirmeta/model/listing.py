r"""The layer listing: the form of a case that failures print, people paste and `replay` reads.

    setup     namespace=user layout=model umask=077
    layer 1   usr/bin/       0750  7:8  1970-01-01 00:00:00
    layer 2   usr/bin/foo    0644  0:0  1970-01-01 00:00:00            # usr/ and usr/bin/ implied
              usr/bin/sh     0777  0:0  1970-01-01 00:00:00  -> bash
              usr/bin/.wh.x
    layer 3   (empty)
    then      chmod usr/bin mode=0700 as 1000:1000

One line an entry, lowest layer first. ``layer N`` opens a layer and may be repeated on its lines. Words are
divided by whitespace and quoted as `dirmeta.model.words` says; ``#`` before a word opens a comment.

    entry     NAME, then in any order what is not at its default (0755 for a directory, 0777 for a symlink,
              else 0644 or what the ACL says; 0:0; the epoch): MODE in octal, UID:GID, time, kind, attributes
    time      YYYY-MM-DD HH:MM:SS[.nnnnnnnnn] in UTC; outside the years 1 to 9999 @SECONDS[.nnnnnnnnn]
    kind      by its spelling: NAME/ and the root are directories, .wh..wh..opq an opaque marker, .wh.NAME a
              whiteout; -> TARGET, == NAME (a hardlink), char M:N, block M:N, fifo; else a file. Where the
              spelling would mislead: dir, file, whiteout, opaque
    attribute xattr NAME="VALUE" (repeatable), acl TEXT, default-acl TEXT, content "TEXT"
    (empty)   after ``layer N`` a layer without entries; alone a stack without layers
    setup     what is not at its default: namespace=trusted|user delegate=on|off layout=unpacked|model
              upper=on|off reused=on|off nested=on|off raced=on|off room=N backing=WORD umask=OCTAL
              tar=pax|gnu|ustar, option NAME[=VALUE] (repeatable)
    then      OP [PATH] NAME=VALUE…, an operation; bare numbers are numbers, octal with a leading 0, all else
              is text; then as UID:GID[,GROUP…], who does it, and without CAP (repeatable), given up first

Law: ``parse(render(case)) == case``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dirmeta.model import overlayfs, paths, spelling, words
from dirmeta.model.entries import AUFS_PREFIX, WHITEOUT_PREFIX, Entry, Kind
from dirmeta.model.listing_entry import named_kind
from dirmeta.model.listing_parser import ListingError, parse
from dirmeta.model.stack import Case, Credentials, Layer, Operation, Setup, Stack

__all__ = ["ListingError", "line", "metadata_text", "operation", "parse", "render", "time_text"]

_EPOCH: Final = datetime(1970, 1, 1)
_YEARS: Final = range(-62135596800, 253402300800)  # seconds of the years 1 to 9999
_LABEL: Final = 10
_WIDEST_NAME: Final = 40
_FURTHEST_NOTE: Final = 90
_FEW: Final = 3


def render(case: Case) -> str:
    """The listing of a case, without a final newline. ValueError where some name stands for no bytes."""
    setup = _setup(case.setup)
    lines = [f"{'setup':{_LABEL}}{setup}"] if setup else []
    lines += _table(list(_rows(case.stack))) if case.stack else ["(empty)"]
    lines += (f"{'then':{_LABEL}}{operation(step)}" for step in case.program)
    return "\n".join(lines)


def line(entry: Entry) -> str:
    """One entry, as a listing has it, not aligned with others."""
    return "  ".join(filter(None, (words.word(entry.name), *_metadata(entry), _rest(entry))))


def metadata_text(mode: int, uid: int, gid: int, mtime: int | None) -> str:
    """``0750 7:8 1970-01-01 00:00:00``; a time of None is ``now``."""
    return f"{mode:04o} {uid}:{gid} {'now' if mtime is None else time_text(mtime)}"


def time_text(nanoseconds: int) -> str:
    """A time since the epoch in UTC, as a listing writes it."""
    seconds, fraction = divmod(nanoseconds, spelling.NANO)
    if seconds not in _YEARS:
        return "@" + spelling.seconds_text(nanoseconds)
    date = (_EPOCH + timedelta(seconds=seconds)).isoformat(" ")
    return f"{date}.{fraction:09d}" if fraction else date


class _Row(NamedTuple):
    label: str
    columns: tuple[str, ...]
    rest: str
    note: str


def _table(rows: list[_Row]) -> Iterator[str]:
    label = max(_LABEL, *(len(row.label) + 1 for row in rows))
    widths = [max(map(len, column)) for column in zip(*(row.columns for row in rows), strict=True)]
    widths[0] = min(widths[0], _WIDEST_NAME)
    bodies = []
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row.columns, widths, strict=True))
        bodies.append(f"{row.label:{label}}{'  '.join((*cells, row.rest))}".rstrip())
    noted = max((len(body) for row, body in zip(rows, bodies, strict=True) if row.note), default=0)
    noted = min(noted, _FURTHEST_NOTE)
    for row, body in zip(rows, bodies, strict=True):
        yield f"{body:{noted}}  # {row.note}" if row.note else body


def _rows(stack: Stack) -> Iterator[_Row]:
    for number, layer in enumerate(stack, 1):
        label, noted = f"layer {number}", set[str]()
        if not layer.entries:
            yield _Row(label, ("(empty)", "", "", ""), "", "")
        for entry in layer:
            note = _note(_newly_implied(entry, layer, noted))
            yield _Row(label, (words.word(entry.name), *_metadata(entry)), _rest(entry), note)
            label = ""


def _newly_implied(entry: Entry, layer: Layer, before: set[str]) -> list[str]:
    """Directories that no entry before this one implies, outermost first; `before` is brought up to date."""
    new = [up for up in reversed(paths.ancestors(entry.place)) if up in layer.implied and up not in before]
    before.update(new)
    return new


def _note(implied: list[str]) -> str:
    names = [words.word(path + "/") for path in implied[:_FEW]]
    if len(implied) > _FEW:
        names.append(f"{len(implied) - _FEW} more")
    return f"{', '.join(names[:-1])} and {names[-1]} implied".removeprefix(" and ") if names else ""


def _metadata(entry: Entry) -> tuple[str, str, str]:
    plain = (entry.mode, entry.uid, entry.gid, entry.mtime) == (0o644, 0, 0, 0)
    if plain and entry.kind in ("whiteout", "opaque"):
        return ("", "", "")
    return (f"{entry.mode:04o}", f"{entry.uid}:{entry.gid}", time_text(entry.mtime))


def _rest(entry: Entry) -> str:
    return " ".join((*_kind(entry), *_attributes(entry)))


_KEYWORD: Final[dict[Kind, str]] = {"directory": "dir"}


def _kind(entry: Entry) -> Iterator[str]:
    match entry.kind:
        case "symlink":
            yield f"-> {words.word(entry.target)}"
        case "hardlink":
            yield f"== {words.word(entry.target)}"
        case "char" | "block":
            yield f"{entry.kind} {entry.device[0]}:{entry.device[1]}"
        case "fifo":
            yield "fifo"
        case kind if kind != named_kind(entry.name) or _looks_special(entry):
            yield _KEYWORD.get(kind, kind)


def _looks_special(entry: Entry) -> bool:
    """Whether a file is called like those that mean something to AUFS."""
    return entry.kind == "file" and paths.basename(entry.place).startswith((AUFS_PREFIX, WHITEOUT_PREFIX))


def _attributes(entry: Entry) -> Iterator[str]:
    acls = spelling.acl_texts(entry.xattrs)
    for name, value in entry.xattrs:
        if name in acls:
            keyword = "acl" if name == overlayfs.ACL_ACCESS else "default-acl"
            yield f"{keyword} {words.word(acls[name])}"
        else:
            yield f"xattr {words.pair(name, spelling.to_text(value))}"
    if entry.content:
        yield f"content {words.quoted(spelling.to_text(entry.content))}"


def _setup(setup: Setup) -> str:
    """What differs from the defaults; "" where nothing does."""
    usual = Setup()
    values = {
        "namespace": setup.namespace,
        "delegate": "on" if setup.delegate else "off",
        "layout": setup.layout,
        "upper": "on" if setup.upper else "off",
        "reused": "on" if setup.reused else "off",
        "nested": "on" if setup.nested else "off",
        "raced": "on" if setup.raced else "off",
        "room": str(setup.room),
        "backing": words.word(setup.backing),
        "umask": f"{setup.umask:03o}",
        "tar": setup.tar,
    }
    differing = (name for name in values if getattr(setup, name) != getattr(usual, name))
    options = (f"option {_option(name, value)}" for name, value in setup.options)
    return " ".join((*(f"{name}={values[name]}" for name in differing), *options))


def _option(name: str, value: str) -> str:
    return f"{words.word(name)}={words.word(value)}" if value else words.word(name)


def operation(step: Operation) -> str:
    """``chmod usr/bin mode=0700 as 1000:1000``"""
    args = list(step.args)
    path = args.pop(0)[1] if args and args[0][0] == "path" and isinstance(args[0][1], str) else None
    start = [words.word(step.op)] if path is None else [words.word(step.op), words.word(str(path))]
    return " ".join((*start, *(_argument(name, value) for name, value in args), *_credentials(step.by)))


def _argument(name: str, value: str | int) -> str:
    if isinstance(value, str):
        return words.pair(name, value)
    return f"{words.word(name)}={f'0{value:o}' if name == 'mode' and value >= 0 else value}"


def _credentials(by: Credentials) -> Iterable[str]:
    if (by.uid, by.gid, by.groups) != (0, 0, ()):
        yield f"as {','.join((f'{by.uid}:{by.gid}', *map(str, by.groups)))}"
    yield from (f"without {words.word(name)}" for name in by.drop)
