"""Ranges of versions."""

import pytest

from dirmeta.judge.versions import holds


@pytest.mark.parametrize(
    ("wanted", "version", "held"),
    [
        ("", "", True),
        ("", "1.34", True),
        (">=1.34", "1.34", True),
        (">=1.34", "1.34.0", True),
        (">=1.34", "1.9", False),
        (">=1.34,<2", "1.35+dfsg-3", True),
        (">=1.34,<2", "2", False),
        (" > 1.34 , <= 2.0 ", "2", True),
        ("==3.6.2", "3.6.2-1+deb12u5", True),
        ("==3.6.2", "3.6.20", False),
        ("<2", "", False),
        (">=1", "git", False),
    ],
)
def test_a_version_is_in_a_range(wanted: str, version: str, held: bool) -> None:
    assert holds(wanted, version) is held


@pytest.mark.parametrize("wanted", ["1.34", "=1", ">=", ">=1,", "~=1.3", ">=1.x", "*"])
def test_what_is_no_range_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match=r"a range is written like >=1\.34,<2"):
        holds(wanted, "1")
