"""The cases of a shard are drawn, mounted and looked at once, however many processes there are."""

import re
import subprocess
import sys
from collections import defaultdict

import pytest

from dirmeta import locations
from dirmeta.scheduling import shard_of

FAMILY = "merge/test_source.py"
RAN = re.compile(r"\[(?P<worker>gw\d+)\] \[ *\d+%\] [A-Z]+ (?P<item>\S+)")


@pytest.mark.parametrize(
    ("item", "scope"),
    [
        ("suites/merge/test_source.py::source::MERGE-MODE[1]", "suites/merge/test_source.py::source[1]"),
        ("suites/merge/test_source.py::source::MERGE-SOURCE[1]", "suites/merge/test_source.py::source[1]"),
        ("suites/merge/test_source.py::source::MERGE-MODE[0]", "suites/merge/test_source.py::source[0]"),
        ("suites/selftest/test_acl.py::test_masks[A-B]", "suites/selftest/test_acl.py::test_masks[A-B]"),
        ("suites/selftest/test_acl.py::test_masks", "suites/selftest/test_acl.py::test_masks"),
    ],
)
def test_the_rules_of_a_shard_are_one_unit_of_work(item: str, scope: str) -> None:
    assert shard_of(item) == scope


def test_a_shard_is_judged_by_one_worker() -> None:
    suites = locations.suites()
    words = ["-p", "dirmeta.plugin", "-p", "no:cacheprovider", "-v", "-n", "2", "--examples", "32"]
    command = [sys.executable, "-m", "pytest", *words, str(suites / FAMILY)]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=suites.parent, timeout=120, check=False
    )
    workers: dict[str, set[str]] = defaultdict(set)
    items = 0
    for found in RAN.finditer(ended.stdout):
        workers[shard_of(found["item"])].add(found["worker"])
        items += 1
    assert items > len(workers) > 1, ended.stdout + ended.stderr
    assert {shard: each for shard, each in workers.items() if len(each) > 1} == {}
