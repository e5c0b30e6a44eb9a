"""Kernels with a deliberate defect (fixtures/kernels/misbehaving): each is told, and the run goes on.

They are built by `tox -e misbehaving`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dirmeta import kernels, locations
from dirmeta.judge.bench import Bench
from dirmeta.judge.families import families
from dirmeta.judge.opening import Wanted, bench_on, open_subject
from dirmeta.judge.runner import run_shard
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.guest.uml import Uml
from dirmeta.model.tree import Node
from dirmeta.observe.steps import Job, Layout, Mount, Walk

KINDS = {
    "warning": "warning",
    "oops": "panic",  # User Mode Linux ends on any fault of the kernel's own
    "panic": "panic",
    "hang": "hang",
    "lost": "lost",
    "lockdep-debug": "lockdep",
    "atomic-sleep-debug": "atomic sleep",
    "use-after-free-debug": "KASAN",
}
SILENT = ("hang", "lost")
FAMILY = "merge/test_small_scope::two_layers"
LOGGED, NOOP = "logged", "compat/test_noop::noop"
"""What breaks one rule alone, and not down: it logs marks, ten times in five seconds at most."""
DIRECTORY = Node("directory")


@contextmanager
def bench_of(defect: str) -> Iterator[Bench]:
    """With a kernel that has the defect, if it is built."""
    name = f"misbehaving-{defect}"
    try:
        program = str(kernels.find(name).image)
    except kernels.KernelError as why:
        pytest.skip(str(why))
    wanted = Wanted(kernel=f"uml:{name}", seconds=20)
    subject = open_subject(wanted)
    with GuestLab(lambda: Uml(program, wanted.kernel), subject) as lab:
        yield bench_on(lab, wanted, subject)


@pytest.fixture(scope="module", params=KINDS)
def kind_and_bench(request: pytest.FixtureRequest) -> Iterator[tuple[str, Bench]]:
    with bench_of(request.param) as bench:
        yield KINDS[request.param], bench


def test_every_kernel_with_a_defect_has_a_row() -> None:
    patches = (locations.fixtures() / "kernels" / "misbehaving").glob("*.patch")
    assert {patch.stem for patch in patches} == {LOGGED, *(name.removesuffix("-debug") for name in KINDS)}


def test_it_is_a_failure_of_the_rule_under_test_and_the_run_goes_on(
    kind_and_bench: tuple[str, Bench],
) -> None:
    kind, bench = kind_and_bench
    family = families()[FAMILY]
    results = run_shard(family, FAMILY, 0, family.rules, bench)
    failed = results[family.rules[0]]
    assert failed.verdict == "fail"
    [witness] = failed.witnesses
    assert witness.saw.startswith(f"{kind}: ")
    assert witness.blame.startswith("kernel")
    told = any("WARNING" in line or "BUG" in line or "panic" in line for line in witness.log)
    assert told == (kind not in SILENT)
    assert witness.listing.count("layer ") == 1
    calm = Job((Layout("l1", {"": DIRECTORY, "d": DIRECTORY}), Mount("m", ("l1",)), Walk("m")))
    [[_, _, seen]] = bench.lab.run([calm])
    assert set(seen) == {"", "d"}  # type: ignore[arg-type]  # a Walk answers a Tree


def test_a_kernel_that_limits_what_it_logs_of_marks_is_told() -> None:
    with bench_of(LOGGED) as bench:
        result = run_shard(families()[NOOP], NOOP, 0, ["COMPAT-NOOP"], bench)["COMPAT-NOOP"]
    assert result.verdict == "fail"
    [witness] = result.witnesses
    assert "marked directory ignored" in witness.saw
    assert witness.note == ""  # it came again
