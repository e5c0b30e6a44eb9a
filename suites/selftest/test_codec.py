"""The JSON form of a case: nothing is lost, little is written, and what is wrong is said on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from dirmeta.model import acl, codec
from dirmeta.model.codec import CaseError
from dirmeta.model.entries import Entry
from dirmeta.model.overlayfs import ACL_ACCESS, ACL_DEFAULT
from dirmeta.model.stack import Case, Layer

from .anything import cases

SCHEMA = json.loads(resources.files("dirmeta.model").joinpath("case.schema.json").read_text("utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)

laws = settings(max_examples=80, deadline=None, derandomize=True, database=None)


def test_minimal_case_is_short() -> None:
    case = Case((Layer((Entry("usr/", "directory", 0o755),)),))
    assert codec.dumps(case) == '{"dirmeta":1,"stack":[[{"kind":"directory","name":"usr/"}]]}'


@laws
@given(cases)
def test_reading_gives_back_what_was_written(case: Case) -> None:
    assert codec.from_json(codec.to_json(case)) == case
    assert codec.loads(codec.dumps(case)) == case


@laws
@given(cases)
def test_schema_holds_what_is_written(case: Case) -> None:
    VALID.validate(codec.to_json(case))


@laws
@given(cases)
def test_text_is_ascii_without_lone_surrogates(case: Case) -> None:
    text = codec.dumps(case)
    assert text.isascii()
    assert json.loads(text.encode())
    assert text.encode() == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode()


def test_schema_is_a_schema_and_describes_every_property() -> None:
    VALID.check_schema(SCHEMA)
    assert SCHEMA["$id"] == f"urn:dirmeta:case:{codec.VERSION}"
    properties = list(_properties(SCHEMA))
    assert len(properties) > 25
    assert [name for name, schema in properties if not schema.get("description")] == []


def _properties(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _properties(part)


def test_bytes_and_text() -> None:
    entry = Entry(
        "a\udcff",
        "file",
        xattrs=(("user.a", b"blue"), ("user.b", b"\xff"), ("user.c", b"\0")),
        content=b"hi\n",
    )
    written = codec.to_json(Case((Layer((entry,)),)))["stack"][0][0]
    assert written["name"] == {"bytes": "Yf8="}
    assert written["xattrs"] == [
        ["user.a", "blue"],
        ["user.b", {"bytes": "/w=="}],
        ["user.c", {"bytes": "AA=="}],
    ]
    assert written["content"] == "hi\n"


def test_acls_are_text() -> None:
    text = "u::rwx,u:7:r-x,g::r-x,m::r-x,o::---"
    entry = Entry(
        "d/", "directory", 0o750, xattrs=((ACL_ACCESS, acl.parse(text)), (ACL_DEFAULT, acl.parse(text)))
    )
    written = codec.to_json(Case((Layer((entry,)),)))["stack"][0][0]
    assert written == {"name": "d/", "kind": "directory", "mode": "0750", "acl": text, "default_acl": text}


@pytest.mark.parametrize(
    ("mtime", "written"),
    [(0, None), (7 * 10**9, 7), (-(10**9), -1), (1, "0.000000001"), (-5 * 10**8, "-0.500000000")],
)
def test_times_are_exact(mtime: int, written: object) -> None:
    assert (
        codec.to_json(Case((Layer((Entry("f", "file", mtime=mtime),)),)))["stack"][0][0].get("mtime")
        == written
    )


def test_short_fraction_is_a_decimal_one() -> None:
    data = {"dirmeta": 1, "stack": [[{"name": "f", "kind": "file", "mtime": "-1.5"}]]}
    assert codec.from_json(data).stack[0].entries[0].mtime == -1_500_000_000


def test_ids_are_of_the_canonical_text() -> None:
    case = codec.loads(
        '{"stack": [[{"name": "f", "mode": "0644", "kind": "file"}]], "setup": {}, "dirmeta": 1}'
    )
    again = codec.loads(codec.dumps(case))
    assert codec.digest(case) == codec.digest(again)
    assert re.fullmatch("[0-9a-f]{64}", codec.digest(case))
    assert codec.case_id(case) == codec.digest(case)[:6]
    assert codec.case_id(case, 9) == codec.digest(case)[:9]
    assert codec.digest(case) != codec.digest(Case())


@pytest.mark.parametrize("name", ["\ud800", "\udcc3\udca9"])
def test_string_that_stands_for_no_bytes_is_not_written(name: str) -> None:
    with pytest.raises(CaseError, match="case: "):
        codec.to_json(Case((Layer((Entry(name, "file"),)),)))
