"""The JSON form of a case, version 1; ``case.schema.json`` beside this file describes it.

What is at its default is left out. A string that holds bytes which are not UTF-8 is written
``{"bytes": "<base64>"}``, since lone surrogates do not survive other JSON tools.
Law: ``from_json(to_json(case)) == case``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, get_args

from dirmeta.model import document, overlayfs, spelling
from dirmeta.model.document import At, CaseError, Form
from dirmeta.model.entries import KINDS, Entry
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Case, Credentials, Layer, Layout, Operation, Setup, TarFormat

__all__ = ["VERSION", "CaseError", "case_id", "digest", "dumps", "from_json", "loads", "to_json"]

VERSION: Final = 1


def to_json(case: Case) -> dict[str, Any]:
    """The JSON document of a case. CaseError where some string stands for no bytes."""
    try:
        return {"dirmeta": VERSION, **_CASE.write(case)}
    except ValueError as error:
        raise CaseError(f"case: {error}") from None


def from_json(data: object) -> Case:
    """The case of a parsed JSON document; CaseError where it is none."""
    properties = At("", data).properties()
    if "dirmeta" not in properties:
        raise CaseError(f'case: no version; a case says "dirmeta": {VERSION}')
    version = properties.pop("dirmeta").value
    if type(version) is not int or version != VERSION:
        raise CaseError(
            f"dirmeta: version {document.show(version)} is not known here, only {VERSION}; update dirmeta"
        )
    case: Case = _CASE.read(At("", {name: at.value for name, at in properties.items()}))
    return case


def dumps(case: Case) -> str:
    """The canonical text: sorted keys, no spaces, ASCII. Equal cases have equal texts."""
    return json.dumps(to_json(case), sort_keys=True, separators=(",", ":"))


def loads(text: str) -> Case:
    """The case of a JSON text; CaseError where it is none."""
    try:
        data = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise CaseError(f"line {error.lineno} column {error.colno}: {error.msg}") from None
    except CaseError:
        raise
    except (ValueError, RecursionError) as error:
        raise CaseError(f"case: no JSON that can be read: {error}") from None
    return from_json(data)


def digest(case: Case) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(dumps(case).encode("ascii")).hexdigest()


def case_id(case: Case, digits: int = 6) -> str:
    """What a person types to mean this case: the first digits of its digest."""
    return digest(case)[:digits]


def _unique(properties: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(properties)
    if len(unique) < len(properties):
        twice = spelling.repeated(name for name, _ in properties)
        raise CaseError(f"{document.show(twice)}: stands twice in one object")
    return unique


_ACLS: Final = {"acl": overlayfs.ACL_ACCESS, "default_acl": overlayfs.ACL_DEFAULT}
_ENTRY: Final = {
    "name": document.TEXT,
    "kind": document.one_of(KINDS),
    "mode": document.OCTAL,
    "uid": document.NUMBER,
    "gid": document.NUMBER,
    "mtime": document.TIME,
    "acl": document.ACL,
    "default_acl": document.ACL,
    "xattrs": document.pairs(document.VALUE),
    "content": document.VALUE,
    "target": document.TEXT,
    "device": document.couple(document.NUMBER, document.NUMBER, "a pair [major, minor]"),
}
_ENTRY_REQUIRED: Final = ("name", "kind")
_ENTRY_DEFAULTS: Final = {
    name: getattr(Entry("", "file"), name)
    for name in ("uid", "gid", "mtime", "xattrs", "content", "target", "device")
}


def _write_entry(entry: Entry) -> dict[str, Any]:
    acls = spelling.acl_texts(entry.xattrs)
    values = {name: getattr(entry, name) for name in _ENTRY if name not in _ACLS}
    values["xattrs"] = tuple((name, value) for name, value in entry.xattrs if name not in acls)
    values |= {prop: entry.xattr(name) for prop, name in _ACLS.items() if name in acls}
    defaults = {**_ENTRY_DEFAULTS, "mode": spelling.default_mode(entry.kind)}
    return document.write_fields(values, defaults, _ENTRY)


def _read_entry(at: At) -> Entry:
    values = document.read_fields(at, _ENTRY_REQUIRED, _ENTRY)
    acls = [(name, values.pop(prop)) for prop, name in _ACLS.items() if prop in values]
    xattrs = sorted([*values.pop("xattrs", ()), *acls])
    if twice := spelling.repeated(name for name, _ in xattrs):
        raise at.wrong(f"xattr {twice!r} has two values")
    values.setdefault("mode", spelling.default_mode(values["kind"]))
    try:
        return Entry(**values, xattrs=tuple(xattrs))
    except ValueError as error:
        raise at.wrong(str(error)) from None


_LAYER: Final = Form(
    lambda layer: [_write_entry(entry) for entry in layer],
    lambda at: Layer(tuple(_read_entry(each) for each in at.items())),
)
_SETUP: Final = document.record(
    Setup(),
    (),
    namespace=document.one_of(get_args(Namespace)),
    delegate=document.FLAG,
    layout=document.one_of(get_args(Layout)),
    upper=document.FLAG,
    reused=document.FLAG,
    nested=document.FLAG,
    raced=document.FLAG,
    room=document.NUMBER,
    options=document.pairs(document.TEXT),
    backing=document.TEXT,
    umask=document.OCTAL,
    tar=document.one_of(get_args(TarFormat)),
)
_CREDENTIALS: Final = document.record(
    Credentials(),
    (),
    uid=document.NUMBER,
    gid=document.NUMBER,
    groups=document.listed(document.NUMBER),
    drop=document.listed(document.TEXT),
)
_OPERATION: Final = document.record(
    Operation(""),
    ("op",),
    op=document.TEXT,
    args=document.pairs(document.ARGUMENT),
    by=_CREDENTIALS,
)
_CASE: Final = document.record(
    Case(), ("stack",), stack=document.listed(_LAYER), setup=_SETUP, program=document.listed(_OPERATION)
)
