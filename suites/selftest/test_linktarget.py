"""Whether an error names the target of a hardlink that the layer does not have, however it is spelled."""

from __future__ import annotations

import pytest

from dirmeta.model import listing
from dirmeta.rules.registry import CHECKS, Terms, Trial
from dirmeta.rules.seen import LayerSeen, StackSeen

CASE = listing.parse(r'layer 1  "é/link" == "é/a\\b"')


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (r"é/a\b does not exist", True),
        (r"'\303\251/a\\b' does not exist", True),
        (r"'\303\251/a\\\\b' does not exist", True),
        (r"b'\xc3\xa9/a\\b' does not exist", True),
        (r"é/ab does not exist", False),
        ("it does not exist", False),
    ],
)
def test_an_error_names_a_target_with_or_without_escapes(message: str, named: bool) -> None:
    judge = CHECKS["UNPACK-LINKTARGET", StackSeen].judge
    assert judge
    found = list(judge(Trial(CASE, StackSeen((LayerSeen({}, refused=message),)), Terms())))
    assert (found == []) is named
