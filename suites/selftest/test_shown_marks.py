"""Marks that a mount shows are drawn often, and never where no mount would show them."""

from collections import Counter

import pytest

from dirmeta.generate import private, strategies
from dirmeta.generate.features import features
from dirmeta.judge.draw import feed
from dirmeta.model.limits import Limits

CASES = 96


def counted(limits: Limits) -> Counter[str]:
    found: Counter[str] = Counter()
    drawn = strategies.model_batches(limits, count=16, forms=private.forms_to_show)
    feed(drawn, CASES // 16, 1, lambda batch: found.update(name for case in batch for name in features(case)))
    return found


@pytest.mark.parametrize("namespace", ["trusted", "user"])
def test_marks_of_all_kinds_are_drawn(namespace: str) -> None:
    found = counted(Limits(namespaces=(namespace,)))  # type: ignore[arg-type]
    assert found["escaped mark"] > CASES / 4
    assert found["other namespace's mark"] > CASES / 4
    assert found["unmarked below marked"] > CASES / 4


def test_escaped_marks_are_for_kernels_that_know_them() -> None:
    assert counted(Limits(escapes=False))["escaped mark"] == 0
