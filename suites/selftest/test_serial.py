"""Where a path leads through the renames of a race."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dirmeta.model.stack import Operation
from dirmeta.rules.serial import Serial


def renamed(path: str, to: str, **more: str) -> Operation:
    return Operation("rename", (("path", path), ("to", to), *more.items()))


@pytest.mark.parametrize(
    ("renames", "back", "found"),
    [
        ((), True, {"d/x"}),
        ((renamed("d", "e"),), False, {"d/x", "e/x"}),
        ((renamed("e", "d"),), False, {"d/x"}),
        ((renamed("e", "d"),), True, {"d/x", "e/x"}),
        ((renamed("d", "e"), renamed("e", "f")), False, {"d/x", "e/x", "f/x"}),
        # One gives two directories each other's names and the other moves one into the other, whatever that
        # is called then: done again and again they would lead to e/moved/moved, and deeper.
        ((renamed("d", "e/moved"), renamed("d", "e", flags="exchange")), False,
         {"d/x", "e/x", "e/moved/x", "d/moved/x"}),
    ],
)  # fmt: skip
def test_a_path_is_followed_through_each_rename_once(
    renames: Sequence[Operation], back: bool, found: set[str]
) -> None:
    assert Serial(renames=set(renames)).also("d/x", back=back) == found
