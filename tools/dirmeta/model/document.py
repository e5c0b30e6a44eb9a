"""How the parts of a case's JSON document are written and read back, and where in it something is wrong.

A `Form` is a pair of functions; `listed`, `pairs` and `record` make forms of forms.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from dirmeta.model import acl, spelling

_OCTAL: Final = re.compile(r"[0-7]{4}")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
# Fixed, not str.isprintable: a case's digest is the same under every version of Unicode.
_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SHOWN: Final = 60


class CaseError(ValueError):
    """One line: where in the document, and what is wrong there."""


class At(NamedTuple):
    """A JSON value and where in the document it stands, ``stack[0][2].mode``; the whole is ``""``."""

    where: str
    value: Any

    def wrong(self, what: str) -> CaseError:
        """The error that says `what` of this place."""
        return CaseError(f"{self.where or 'case'}: {what}")

    def unlike(self, what: str) -> CaseError:
        """The error that says that the value is not `what`."""
        return self.wrong(f"{show(self.value)} is not {what}")

    def items(self) -> list[At]:
        """The members of an array."""
        if not isinstance(self.value, list):
            raise self.unlike("an array")
        return [At(f"{self.where}[{i}]", value) for i, value in enumerate(self.value)]

    def properties(self) -> dict[str, At]:
        """The properties of an object."""
        if not isinstance(self.value, dict):
            raise self.unlike("an object")
        return {name: At(f"{self.where}.{name}".lstrip("."), value) for name, value in self.value.items()}


class Form(NamedTuple):
    """How one kind of value is written as JSON, and read back; `read` raises CaseError."""

    write: Callable[[Any], Any]
    read: Callable[[At], Any]


def show(value: object) -> str:
    """A JSON value on one line of bearable length."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _write_text(text: str) -> object:
    return _write_bytes(spelling.to_bytes(text)) if _SURROGATE.search(text) else text


def _write_bytes(data: bytes) -> object:
    return {"bytes": base64.b64encode(data).decode("ascii")}


def _read_text(at: At) -> str:
    if isinstance(at.value, str):
        if _SURROGATE.search(at.value):
            raise at.unlike('Unicode; write it as {"bytes": "<base64>"}')
        return at.value
    if not isinstance(at.value, dict) or at.value.keys() != {"bytes"}:
        raise at.unlike('a string or {"bytes": "<base64>"}')
    try:
        return spelling.to_text(base64.b64decode(at.value["bytes"], validate=True))
    except (ValueError, TypeError):
        raise at.unlike('a string or {"bytes": "<base64>"}') from None


def _write_value(data: bytes) -> object:
    text = spelling.to_text(data)
    return _write_bytes(data) if _UNREADABLE.search(text) else text


def _read_value(at: At) -> bytes:
    return spelling.to_bytes(_read_text(at))


def _read_number(at: At) -> int:
    if type(at.value) is not int or at.value < 0:
        raise at.unlike("an integer from 0 up")
    return at.value


def _read_flag(at: At) -> bool:
    if not isinstance(at.value, bool):
        raise at.unlike("true or false")
    return at.value


def _write_octal(number: int) -> object:
    return f"{number:04o}"


def _read_octal(at: At) -> int:
    if not isinstance(at.value, str) or not _OCTAL.fullmatch(at.value):
        raise at.unlike('four octal digits like "0755"')
    return int(at.value, 8)


def _write_time(nanoseconds: int) -> object:
    whole, fraction = divmod(nanoseconds, spelling.NANO)
    return spelling.seconds_text(nanoseconds) if fraction else whole


def _read_time(at: At) -> int:
    if type(at.value) is int:
        return at.value * spelling.NANO
    try:
        return spelling.seconds(at.value)
    except (ValueError, TypeError):
        raise at.unlike('whole seconds or a string of seconds like "12.000000001"') from None


def _read_acl(at: At) -> bytes:
    if not isinstance(at.value, str):
        raise at.unlike("an ACL as a string")
    try:
        return acl.parse(at.value)
    except ValueError as error:
        raise at.wrong(str(error)) from None


def _write_argument(value: str | int) -> object:
    return value if isinstance(value, int) else _write_text(value)


def _read_argument(at: At) -> str | int:
    return at.value if type(at.value) is int else _read_text(at)


TEXT: Final = Form(_write_text, _read_text)
VALUE: Final = Form(_write_value, _read_value)
"""Bytes, as a string where that can be read."""
NUMBER: Final = Form(int, _read_number)
FLAG: Final = Form(bool, _read_flag)
OCTAL: Final = Form(_write_octal, _read_octal)
TIME: Final = Form(_write_time, _read_time)
"""Nanoseconds, as whole seconds or an exact decimal string."""
ACL: Final = Form(acl.text, _read_acl)
ARGUMENT: Final = Form(_write_argument, _read_argument)


def one_of(values: tuple[str, ...]) -> Form:
    """One of a few words."""

    def read(at: At) -> object:
        if at.value not in values:
            raise at.unlike(" or ".join(values))
        return at.value

    return Form(str, read)


def listed(item: Form) -> Form:
    """A tuple, as an array."""
    return Form(
        lambda values: [item.write(value) for value in values],
        lambda at: tuple(item.read(each) for each in at.items()),
    )


def couple(first: Form, second: Form, called: str) -> Form:
    """A tuple of two, as an array; errors name it as `called`."""

    def read(at: At) -> tuple[Any, Any]:
        match at.items():
            case [one, other]:
                return first.read(one), second.read(other)
        raise at.unlike(called)

    return Form(lambda pair: [first.write(pair[0]), second.write(pair[1])], read)


def pairs(value: Form) -> Form:
    """A tuple of (name, value), as an array of arrays: order counts, and a name may be any bytes."""
    return listed(couple(TEXT, value, "a pair [name, value]"))


def record(plain: object, required: tuple[str, ...], **forms: Form) -> Form:
    """A dataclass, as an object without what is as in `plain`, save what is `required`."""
    defaults = {name: getattr(plain, name) for name in forms if name not in required}

    def write(value: object) -> object:
        return write_fields({name: getattr(value, name) for name in forms}, defaults, forms)

    return Form(write, lambda at: type(plain)(**read_fields(at, required, forms)))


def write_fields(
    values: Mapping[str, Any], defaults: Mapping[str, Any], forms: Mapping[str, Form]
) -> dict[str, Any]:
    """The values that are not at their default, written."""
    return {
        name: forms[name].write(value)
        for name, value in values.items()
        if name not in defaults or value != defaults[name]
    }


def read_fields(at: At, required: tuple[str, ...], forms: Mapping[str, Form]) -> dict[str, Any]:
    """The values of an object's properties. CaseError for an unknown property or a missing one."""
    properties = at.properties()
    if unknown := properties.keys() - forms.keys():
        raise at.wrong(f"unknown property {show(min(unknown))}; there are {', '.join(forms)}")
    if missing := [name for name in required if name not in properties]:
        raise at.wrong(f"{missing[0]} is missing")
    return {name: forms[name].read(each) for name, each in properties.items()}
