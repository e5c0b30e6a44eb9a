"""The few paths that one case is about, so that its layers meet at the same ones."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from dirmeta.generate.choices import Choices
from dirmeta.model import paths
from dirmeta.model.entries import WHITEOUT_PREFIX

LATIN: Final = b"caf\xe9".decode("utf-8", "surrogateescape")
"""A name that is not UTF-8."""


class Grove(NamedTuple):
    """Where a case's entries stand.

    directories  paths, parents before children, every parent included; never the root
    names        of what stands in them
    """

    directories: tuple[str, ...]
    names: tuple[str, ...] = ("f", "g", "h")


PLAIN: Final = (
    Grove(("a", "a/b", "a/b/c", "d")),
    Grove(("a", "a/b", "c", "c/d")),
    Grove(("usr", "usr/bin", "tmp", "usr/lib"), ("sh", "f", "ls")),
    Grove(("tmp", "tmp/a", "var", "var/tmp"), ("x", "f", "y")),
    Grove(("home", "home/u", "home/u/.ssh", "etc"), ("passwd", "f", "keys")),
    Grove(("a", "b", "a/c", "b/c")),
    Grove(("a", "aa", "a/a", "a/a/a"), ("f", "a.b", "ab")),
)
_LONG: Final = "n" * paths.NAME_MAX
ODD: Final = (
    Grove(("é", "é/日本", "a", "a/ü"), ("ñ", "f", "🙂")),
    Grove((LATIN, f"{LATIN}/a", "a", f"a/{LATIN}"), ("f", "\udcff", "g")),
    Grove(("a", "a/b c", "a/b c/-d", "a/e\\f"), (" ", "f", "g\nh")),
    Grove(("a", f"a/{_LONG}", f"a/{_LONG}/b", "d"), ("f", "g", "m" * paths.NAME_MAX)),
    Grove(("a", "a/" + "b" * 60, "a/" + "b" * 60 + "/" + "c" * 60, "d"), ("f", "g", "e" * 101)),
    Grove(("a", "a/" + "b" * 150, "a/" + "b" * 150 + "/" + "c" * 150, "d"), ("f", "g", "h")),
)
"""UTF-8, other bytes, blanks, a component of 255 bytes, paths over 100 and over 255 bytes."""

_DRAWN: Final = (*PLAIN * 5, *ODD)


GROVE_SIZE: Final = 1


def grove(choices: Choices) -> Grove:
    """One grove; about one in seven has odd or long names. Reads `GROVE_SIZE` bytes."""
    return choices.pick(_DRAWN)


@lru_cache(maxsize=4096)
def whiteout_of(path: str) -> str:
    """The place of a whiteout of `path`, or "" where its name is too long to have one."""
    directory, _, name = path.rpartition("/")
    hidden = WHITEOUT_PREFIX + name
    if len(name) > 60 and paths.encoded_length(hidden) > paths.NAME_MAX:
        return ""
    return paths.join(directory, hidden)


def _as_is(name: str) -> str:
    return name


def _dotted(name: str) -> str:
    return "./" + name


def _bare(name: str) -> str:
    return name.rstrip("/")


def _absolute(name: str) -> str:
    return "/" + name


def _doubled(name: str) -> str:
    return "//".join(name.rstrip("/").split("/")) + "/" * name.endswith("/")


def _through_dot(name: str) -> str:
    return "/./".join(name.rstrip("/").split("/")) + "/" * name.endswith("/")


def _dotted_and_bare(name: str) -> str:
    return "./" + name.rstrip("/")


SPELLINGS: Final = (
    *(_as_is,) * 10, _dotted, _bare, _absolute, _doubled, _through_dot, _dotted_and_bare,
)  # fmt: skip
"""Ways to spell a place; a directory's is given with its slash."""
