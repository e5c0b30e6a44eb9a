"""What is wrong with a JSON document is said on one line, with the place."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest

from dirmeta.model import codec
from dirmeta.model.codec import CaseError


def _entry(**properties: object) -> dict[str, object]:
    return {"dirmeta": 1, "stack": [[], [{"name": "a", "kind": "file", **properties}]]}


BOTH_REFUSE: list[tuple[object, str]] = [
    ([], "case: [] is not an object"),
    ({"stack": []}, "case: no version"),
    ({"dirmeta": 2, "stack": []}, "dirmeta: version 2 is not known"),
    ({"dirmeta": True, "stack": []}, "dirmeta: version true is not known"),
    ({"dirmeta": 1}, "case: stack is missing"),
    ({"dirmeta": 1, "stack": {}}, "stack: {} is not an array"),
    ({"dirmeta": 1, "stack": [[{"kind": "file"}]]}, "stack[0][0]: name is missing"),
    (
        {"dirmeta": 1, "stack": [], "setup": {"namespace": "both"}},
        'setup.namespace: "both" is not trusted or user',
    ),
    ({"dirmeta": 1, "stack": [], "setup": {"upper": 1}}, "setup.upper: 1 is not true or false"),
    ({"dirmeta": 1, "stack": [], "setup": {"options": [["a"]]}}, 'setup.options[0]: ["a"] is not a pair'),
    (
        {"dirmeta": 1, "stack": [], "program": [{"op": "x", "args": [["a", 1.5]]}]},
        "program[0].args[0][1]: 1.5 is",
    ),
    (
        {"dirmeta": 1, "stack": [], "program": [{"op": "x", "by": {"uid": -1}}]},
        "program[0].by.uid: -1 is not",
    ),
    (_entry(kind="dir"), 'stack[1][0].kind: "dir" is not directory or'),
    (_entry(colour="a\nb"), 'stack[1][0]: unknown property "colour"; there are name,'),
    (_entry(mode="75"), 'stack[1][0].mode: "75" is not four octal digits'),
    (_entry(mode=493), "stack[1][0].mode: 493 is not four octal digits"),
    (_entry(uid=1.5), "stack[1][0].uid: 1.5 is not an integer"),
    (_entry(mtime=1.5), "stack[1][0].mtime: 1.5 is not whole seconds"),
    (_entry(mtime="1e3"), 'stack[1][0].mtime: "1e3" is not whole seconds'),
    (_entry(content={"bytes": "%"}), 'stack[1][0].content: {"bytes": "%"} is not a string or'),
    (_entry(device=[1]), "stack[1][0].device: [1] is not a pair"),
    (_entry(acl=7), "stack[1][0].acl: 7 is not an ACL"),
]
ONLY_CODEC_REFUSES: list[tuple[object, str]] = [
    (_entry(name="\ud800"), r'stack[1][0].name: "\ud800" is not Unicode'),
    (_entry(name="a\0b"), "stack[1][0]: entry 'a\\x00b': a name holds a NUL"),
    (_entry(acl="u:rwx\n:"), "stack[1][0].acl: "),
    (_entry(acl="u:4294967296:rwx"), "stack[1][0].acl: 'u:4294967296:rwx' has an id over 32 bits"),
    (_entry(acl="u::rwx,g::---,o::---"), "stack[1][0]: entry 'a': mode 644 contradicts"),
    (_entry(xattrs=[["user.a", "1"], ["user.a", "2"]]), "stack[1][0]: xattr 'user.a' has two values"),
    (_entry(kind="symlink"), "stack[1][0]: entry 'a': a symlink needs a target"),
]


@pytest.mark.parametrize(("data", "message"), BOTH_REFUSE + ONLY_CODEC_REFUSES)
def test_errors_say_where_and_what_on_one_line(data: object, message: str) -> None:
    with pytest.raises(CaseError) as caught:
        codec.from_json(data)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("data", [data for data, _ in BOTH_REFUSE])
def test_schema_refuses_what_the_codec_refuses(data: object) -> None:
    text = resources.files("dirmeta.model").joinpath("case.schema.json").read_text("utf-8")
    schema = jsonschema.Draft202012Validator(json.loads(text))
    assert not schema.is_valid(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"dirmeta": 1,\n "stack": [}', "line 2 column 12: "),
        ('{"dirmeta": 1, "dirmeta": 1}', '"dirmeta": stands twice in one object'),
        ("[" * 100_000, "case: no JSON that can be read: "),
        ('{"dirmeta": ' + "1" * 5000 + "}", "case: no JSON that can be read: "),
        ("", "line 1 column 1: "),
    ],
)
def test_text_that_is_no_json_is_said_on_one_line(text: str, message: str) -> None:
    with pytest.raises(CaseError) as caught:
        codec.loads(text)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()
