"""Failing cases come down to what the failure needs, in tens of steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from dirmeta.generate import reduce as reducer
from dirmeta.generate import strategies
from dirmeta.generate.features import features
from dirmeta.generate.reduce import reduce
from dirmeta.model import acl, oracle
from dirmeta.model.entries import Entry
from dirmeta.model.overlayfs import ACL_ACCESS
from dirmeta.model.semantics import Policies
from dirmeta.model.stack import Case, Layer, Operation, Setup
from dirmeta.model.tree import Tree

Fails = Callable[[Case], bool]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    found: list[Case] = []

    @seed(11)
    @settings(
        max_examples=12,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.model_batches())
    def collect(batch: tuple[Case, ...]) -> None:
        found.extend(batch)

    collect()
    return found


def view(case: Case, policies: Policies = oracle.DEFAULT, *, delegate: bool = True) -> Tree:
    diffs = oracle.diff_directories(case)
    return oracle.merge(diffs, delegate=delegate, namespace=case.setup.namespace, policies=policies).tree


def ignores_marks(case: Case) -> bool:
    """A kernel that shows the topmost directory always."""
    return view(case, delegate=False) != view(case)


def any_value_marks(case: Case) -> bool:
    return view(case, Policies(value="any")) != view(case)


def passes_opaque(case: Case) -> bool:
    return view(case, Policies(opaque_barrier="pass")) != view(case)


def takes_xattrs_from_the_topmost(case: Case) -> bool:
    return view(case, Policies(xattr_source="topmost")) != view(case)


def falls_back_to_the_lowest(case: Case) -> bool:
    return view(case, Policies(fallback="lowest")) != view(case)


def has(feature: str) -> Fails:
    return lambda case: feature in features(case)


def size(case: Case) -> tuple[int, int]:
    return len(case.stack), sum(map(len, case.stack))


DEVIATIONS: list[tuple[Fails, tuple[int, int]]] = [
    (ignores_marks, (2, 2)),
    (any_value_marks, (2, 2)),
    (passes_opaque, (2, 3)),
    (takes_xattrs_from_the_topmost, (2, 2)),
    (falls_back_to_the_lowest, (2, 2)),
    (has("late explicit entry"), (1, 2)),
    (has("hardlink"), (1, 2)),
    (has("unmarked deep below marked"), (3, 3)),
]


@pytest.mark.parametrize(("fails", "most"), DEVIATIONS)
def test_a_deviation_comes_down_to_two_or_three_entries(
    cases: list[Case], fails: Fails, most: tuple[int, int]
) -> None:
    failing = [case for case in cases if fails(case)][:6]
    assert failing
    for case in failing:
        asked: list[Case] = []

        def counted(candidate: Case, asked: list[Case] = asked) -> bool:
            asked.append(candidate)
            return fails(candidate)

        smallest = reduce(case, counted)
        assert fails(smallest)
        assert smallest.malformed == ""
        assert size(smallest) <= most
        assert len(asked) <= 90
        assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("fails", [fails for fails, _ in DEVIATIONS])
def test_nothing_can_be_taken_from_what_is_left(cases: list[Case], fails: Fails) -> None:
    smallest = reduce(next(case for case in cases if fails(case)), fails)
    assert not any(fails(simpler) for simpler in reducer.candidates(smallest) if not simpler.malformed)
    for number, layer in enumerate(smallest.stack):
        for position in range(len(layer)):
            entries = (*layer.entries[:position], *layer.entries[position + 1 :])
            stack = (*smallest.stack[:number], Layer(entries), *smallest.stack[number + 1 :])
            fewer = Case(stack, smallest.setup)
            assert fewer.malformed or not fails(fewer)


def test_the_same_case_is_reduced_in_the_same_steps(cases: list[Case]) -> None:
    case = next(case for case in cases if ignores_marks(case))
    assert reduce(case, ignores_marks) == reduce(case, ignores_marks)
    assert list(reducer.candidates(case)) == list(reducer.candidates(case))


def test_a_case_that_always_fails_becomes_empty(cases: list[Case]) -> None:
    setup = Setup("user", False, "model", True, (("index", "on"), ("xino", "off")), "ext4", 0o77, "gnu")
    case = Case(cases[0].stack, setup, (Operation("chmod"), Operation("mkdir")))
    assert reduce(case, lambda _: True) == Case((), Setup("user", False, "model"))


def test_one_operation_of_a_program_is_found() -> None:
    program = tuple(Operation("chmod", (("mode", number),)) for number in range(9))
    assert reduce(Case(program=program), lambda case: program[5] in case.program).program == (program[5],)


ACCESS = acl.parse("u::rwx,g::r-x,o::r-x")


def only(entry: Entry, fails: Callable[[Entry], bool]) -> Entry:
    """What becomes of one entry, where the failure is about it alone."""
    case = Case((Layer((entry,)),))
    smallest = reduce(case, lambda each: any(fails(left) for layer in each.stack for left in layer))
    return smallest.stack[0].entries[0]


def test_fields_return_to_their_defaults() -> None:
    entry = Entry(
        "./a//d", "directory", 0o755, 7, 8, 5, ((ACL_ACCESS, ACCESS), ("user.a", b"1"), ("user.b", b"2"))
    )
    assert only(entry, lambda left: left.uid == 7) == Entry("d/", "directory", 0o755, uid=7)
    assert only(entry, lambda left: left.xattr("user.b") is not None).xattrs == (("user.b", b"2"),)
    assert only(entry, lambda left: left.name.startswith("./")).mtime == 0


def test_a_mode_is_reduced_below_its_acl() -> None:
    access = acl.with_mode(ACCESS, 0o655)
    left = only(Entry("d/", "directory", 0o655, xattrs=((ACL_ACCESS, access),)), lambda e: bool(e.xattrs))
    assert left.mode == 0o755
    assert left.xattrs == ((ACL_ACCESS, ACCESS),)


def test_long_and_odd_names_become_letters() -> None:
    odd = Entry("n" * 200 + "/\udcff/f", "file", 0o600)
    assert only(odd, lambda left: left.mode == 0o600 and left.place.count("/") == 2).name == "a/b/f"


def test_names_of_one_file_change_together() -> None:
    meta = (0o600, 7, 8, 5)
    layer = Layer((Entry("a/f", "file", *meta), Entry("./b/g", "hardlink", *meta, target="./a/f")))
    smallest = reduce(Case((layer,)), lambda case: "hardlink" in features(case) and _has_gid(case))
    assert smallest.malformed == ""
    assert [(e.mode, e.uid, e.gid, e.mtime) for e in smallest.stack[0]] == [(0o644, 0, 8, 0)] * 2
    assert smallest.stack[0].entries[1].target == smallest.stack[0].entries[0].name


def _has_gid(case: Case) -> bool:
    return any(entry.gid for layer in case.stack for entry in layer)


def test_a_target_takes_its_links_with_it() -> None:
    layer = Layer((Entry("f", "file"), Entry("g", "hardlink", target="f"), Entry("h", "fifo", 0o600)))
    assert reduce(Case((layer,)), _has_mode_0600).stack == (Layer((Entry("h", "file", 0o600),)),)


def _has_mode_0600(case: Case) -> bool:
    return any(entry.mode == 0o600 for layer in case.stack for entry in layer)


def test_a_malformed_case_may_stay_malformed() -> None:
    layer = Layer((Entry("a/", "directory"), Entry("x", "file"), Entry("a/", "directory", 0o700)))
    smallest = reduce(Case((layer,)), lambda case: "two entries" in case.malformed)
    assert [entry.name for entry in smallest.stack[0]] == ["a/", "a/"]
    assert [entry.mode for entry in smallest.stack[0]] == [0o755, 0o755]


def test_candidates_are_larger_steps_first_and_no_repeats(cases: list[Case]) -> None:
    case = max(cases, key=size)
    made = list(reducer.candidates(case))
    assert len(set(made)) == len(made)
    assert case not in made
    assert size(made[0])[1] < size(case)[1]


def test_two_layers_become_one() -> None:
    below, above = Entry("a/", "directory", 0o700), Entry("a/f", "file")
    case = Case((Layer((below,)), Layer((above,))))
    alone = reduce(
        case, lambda each: {entry.name for layer in each.stack for entry in layer} >= {"a/", "a/f"}
    )
    assert [[entry.name for entry in layer] for layer in alone.stack] == [["a/", "a/f"]]
