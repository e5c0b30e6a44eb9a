"""How fast guests are: from nothing to a verdict, and from case to verdict.

Kernels are taken as they are built; where one is not, its lines say how to build it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import median
from typing import Final

from dirmeta import kernels, locations
from dirmeta.judge.bench import Bench, Profile
from dirmeta.judge.families import families
from dirmeta.judge.figures import MERGE, Figure, from_model, judged, program_rate, whole_scope
from dirmeta.judge.opening import Wanted, bench_on, open_subject
from dirmeta.labs.guest import processors
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.guest.uml import Uml

OLD: Final = "6.12"
NEW: Final = "7.3"
PATCHED: Final = "6.12+dirmeta"
TWO_LAYERS: Final = "merge/test_small_scope::two_layers"
THREE_LAYERS: Final = "merge/test_small_scope::three_layers"
EDITED: Final = "fs/overlayfs/util.c"
_ROUNDS: Final = 3


class GuestBenchmarks:
    """All measurements. `seconds` for one of them. Each raises KernelError where its kernel is not built."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def boot(self) -> list[Figure]:
        """From the start of a guest to the first batch of cases with a verdict."""
        took = []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            with guest(OLD) as bench:
                bench.examples = 16
                judged(MERGE, bench)
            took.append(time.perf_counter() - began)
        return [Figure("guest boot", median(took), "s to the first verdict", 1.5, best=min(took))]

    def guest(self) -> list[Figure]:
        """Model to verdict, and with the drawing, by the batching system call."""
        return self._rates("guest merge", OLD, MERGE, 850)

    def newest(self) -> list[Figure]:
        """The same in the newest kernel, which is slow to answer small requests: 64 cases a batch."""
        return self._rates("guest newest", NEW, TWO_LAYERS, 1300)

    def plain(self) -> list[Figure]:
        """Without the batching system call, as in a kernel of a developer's own."""
        return self._rates("guest plain", OLD, MERGE, 150, batching=False)

    def changes(self) -> list[Figure]:
        """Programs in a guest whose kernel has the feature."""
        with guest(PATCHED) as bench:
            return [program_rate("guest programs", bench, self.seconds, 100)]

    def three(self) -> list[Figure]:
        """Every stack of three layers, less those that the oracle treats alike, on one core."""
        with guest(PATCHED, profile="full") as bench:
            began = time.perf_counter()
            cases = whole_scope(THREE_LAYERS, bench)
            took = time.perf_counter() - began
        return [Figure("guest scope", took, f"s for {cases} cases, one worker", 300)]

    def edit(self) -> list[Figure]:
        """From an edit in fs/overlayfs of a developer's tree to the first verdict.

        The first time a tree is made in the cache and built, which takes minutes and is not counted.
        """
        tree = locations.cache() / f"edited-{OLD}"
        if not tree.exists():
            kernels.copy_of_source(OLD, tree)
        kernels.tree(tree)
        took = []
        for _ in range(_ROUNDS):
            with open(tree / EDITED, "a", encoding="ascii") as file:
                file.write(f"/* {time.time_ns()} */\n")
            began = time.perf_counter()
            with booted(str(kernels.tree(tree).image), f"tree:{tree}") as bench:
                bench.examples = 16
                judged(MERGE, bench)
            took.append(time.perf_counter() - began)
        return [Figure("guest edit", median(took), "s from an edit to a verdict", 90, best=min(took))]

    def _rates(
        self, label: str, kernel: str, family: str, target: float, *, batching: bool = True
    ) -> list[Figure]:
        given: list[float] = []
        drawn: list[float] = []
        with guest(kernel, batching=batching) as bench:
            judged(family, bench)  # what the first cases have to load is no part of it
            deadline = time.monotonic() + self.seconds
            while len(given) < _ROUNDS or time.monotonic() < deadline:
                cases, took = from_model(family, bench)
                given.append(cases / took)
                began = time.perf_counter()
                cases = judged(family, bench)
                drawn.append(cases / (time.perf_counter() - began))
        unit = f"cases/s, {families()[family].pack} a batch"
        return [
            Figure(label, median(given), unit, target, more=True, best=max(given)),
            Figure(f"{label} drawn", median(drawn), unit, more=True, best=max(drawn)),
        ]


def guest(kernel: str, *, profile: Profile = "quick", batching: bool = True) -> AbstractContextManager[Bench]:
    """A bench with the reference and a guest of a kernel that is built. Raises KernelError."""
    image = str(kernels.find(kernel).image)
    return booted(image, f"uml:{kernel}", profile=profile, batching=batching)


@contextmanager
def booted(image: str, name: str, *, profile: Profile = "quick", batching: bool = True) -> Iterator[Bench]:
    """A bench with the reference and a User Mode Linux guest."""
    wanted = Wanted(kernel=name, profile=profile)
    subject = open_subject(wanted)

    def boot() -> Uml:
        return Uml(image, name, pinned=processors.pinned(0, 1), batching=batching)

    with GuestLab(boot, subject) as lab:
        yield bench_on(lab, wanted, subject)


NAMES: Final = ("boot", "guest", "newest", "plain", "changes", "three", "edit")
