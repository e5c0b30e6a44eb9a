"""What is drawn is valid, meets the preconditions of rules often enough, and is the same for one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import fields
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from dirmeta.generate import edges, hostile, pools, shaped, strategies, trees
from dirmeta.generate.choices import WAYS, Choices
from dirmeta.generate.features import FEATURES, features
from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import AUFS_PREFIX, OPAQUE_MARKER, Entry
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case, Layer, Setup

T = TypeVar("T")

NARROW = Limits(
    namespaces=("user",), ids=(0, 3), devices=False, trusted=False, acls=False, mtime=(0, 1 << 61, 1)
)
"""A lab that can do little."""


def drawn(strategy: SearchStrategy[T], count: int, number: int = 1) -> list[T]:
    """`count` examples, the same for one `number`."""
    found: list[T] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found


def entries(cases: Iterable[Case]) -> list[Entry]:
    return [entry for case in cases for layer in case.stack for entry in layer]


def frequencies(cases: list[Case]) -> dict[str, float]:
    """Feature → share of the cases that have it."""
    counted = Counter(name for case in cases for name in features(case))
    return {name: counted[name] / len(cases) for name in FEATURES}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [case for batch in drawn(strategies.batches(), 40) for case in batch]


@pytest.fixture(scope="module")
def model_cases() -> list[Case]:
    return [case for batch in drawn(strategies.model_batches(redirects=True), 40) for case in batch]


@pytest.mark.parametrize("layout", ["cases", "model_cases"])
def test_entries_that_were_not_checked_would_have_passed(layout: str, request: pytest.FixtureRequest) -> None:
    for entry in entries(request.getfixturevalue(layout)):
        made = {field.name: getattr(entry, field.name) for field in fields(Entry) if field.init}
        assert vars(Entry(**made)) == vars(entry)


def test_choices_wrap_and_end_in_zeros() -> None:
    choices = Choices(bytes([7, 255, 1, 1]))
    assert choices.index(3) == 1
    assert choices.pick("abcd") == "d"
    assert choices.index(1000) == 257
    assert [choices.index(9), choices.index(5000), choices.indices(3, 4)] == [0, 0, (0, 0)]
    assert choices.chance(1, 2) is False


def test_a_chance_is_as_likely_as_it_says() -> None:
    assert sum(Choices(bytes([byte])).chance(1, 4) for byte in range(256)) == 64


def test_a_part_has_bytes_of_its_own() -> None:
    choices = Choices(bytes([1, 2, 3, 4]))
    part = choices.part(2)
    assert choices.index(256) == 3
    assert [part.index(256), part.index(256), part.index(256)] == [1, 2, 0]


def test_bytes_can_be_read_in_many_ways() -> None:
    choices = Choices(bytes([1, 2, 3]))
    assert choices.index(256) == 1
    ways = [tuple(way.index(256) for _ in range(3)) for way in choices.ways()]
    assert ways[:2] == [(1, 2, 3), (3, 2, 1)]
    assert len(set(ways)) == len(ways) == WAYS
    assert choices.index(256) == 2


def test_every_way_reads_any_byte_as_often() -> None:
    every = Choices(bytes(range(256)))
    assert {tuple(sorted(way.index(256) for _ in range(256))) for way in every.ways()} == {tuple(range(256))}


def test_no_bytes_give_the_simplest_stack() -> None:
    stack = strategies.decode_stack(Choices(b""))
    assert {(entry.name, entry.kind, entry.mode, entry.mtime) for layer in stack for entry in layer} == {
        ("a/f", "file", 0o644, 0), ("a/g", "file", 0o644, 0),
    }  # fmt: skip


def test_changing_the_bytes_of_one_layer_leaves_the_others() -> None:
    data = bytes(range(3, 200))
    before = strategies.decode_stack(Choices(data))
    after = strategies.decode_stack(Choices(data[:5] + bytes([91, 17, 60]) + data[8:]))
    assert before[0] != after[0]
    assert before[1:] == after[1:]


@pytest.mark.parametrize("limits", [Limits(), NARROW])
@pytest.mark.parametrize("rooted", [False, True])
def test_all_that_is_drawn_is_well_formed(limits: Limits, rooted: bool) -> None:
    made = drawn(strategies.cases(limits, rooted=rooted), 150)
    made += drawn(strategies.model_cases(limits, rooted=rooted, redirects=True), 150)
    assert [case.malformed for case in made if case.malformed] == []
    assert all(1 <= len(case.stack) <= 5 for case in made)


def test_layers_and_stacks_are_those_of_cases() -> None:
    assert not any(layer.malformed for layer in drawn(strategies.layers(), 60))
    assert {len(stack) for stack in drawn(strategies.stacks(max_layers=2), 60)} == {1, 2}


def test_nothing_is_drawn_that_a_lab_can_not_do() -> None:
    made = entries(drawn(strategies.cases(NARROW), 200) + drawn(strategies.model_cases(NARROW), 200))
    assert {entry.uid for entry in made} | {entry.gid for entry in made} <= {0, 3}
    assert not any(entry.kind in ("char", "block") for entry in made)
    names = {name for entry in made for name, _ in entry.xattrs}
    assert not any(name.startswith(("trusted.", "system.")) for name in names)
    assert all(entry.mtime >= 0 for entry in made)


def test_acls_name_only_ids_that_a_lab_has() -> None:
    limits = Limits(ids=(0, 3))
    values = {value for entry in entries(drawn(strategies.cases(limits), 200)) for _, value in entry.xattrs}
    assert any(b"\x03\x00\x00\x00" in value[8:] for value in values)
    assert not any(b"\x07\x00\x00\x00" in value[8:] for value in values)


def test_user_xattrs_stand_only_where_they_can(model_cases: list[Case]) -> None:
    for entry in entries(model_cases):
        if entry.kind not in ("file", "directory", "hardlink"):
            assert not any(name.startswith("user.") for name, _ in entry.xattrs)


def test_a_whiteout_of_a_name_too_long_for_one_is_not_drawn() -> None:
    assert trees.whiteout_of("a/" + "n" * 251) == "a/.wh." + "n" * 251
    assert trees.whiteout_of("a/" + "n" * 252) == ""


def test_pools_go_on_where_no_usual_owner_is_allowed() -> None:
    assert pools.pools(Limits(ids=(4, 5))).owners == ((4, 4), (5, 5))


def test_a_batch_has_one_setup_and_hardly_a_repeat(cases: list[Case]) -> None:
    batches = drawn(strategies.batches(count=4), 20)
    assert all(len({case.setup for case in batch}) == 1 for batch in batches)
    assert len({batch[0].setup for batch in batches}) > 1
    assert len(set(cases)) > 0.97 * len(cases)


def test_a_batch_is_no_larger_than_hypothesis_allows() -> None:
    with pytest.raises(ValueError, match="1 to 32 cases, not 33"):
        strategies.batches(count=33)


def test_a_given_setup_is_kept() -> None:
    setup = Setup("user", upper=True, layout="model")
    assert {case.setup for case in drawn(strategies.model_cases(setup=setup), 20)} == {setup}


def test_a_case_has_about_nine_entries(cases: list[Case]) -> None:
    assert 8 <= len(entries(cases)) / len(cases) <= 11
    assert 2.4 <= sum(len(case.stack) for case in cases) / len(cases) <= 3.4


def test_half_of_the_directories_that_hold_something_are_implied(cases: list[Case]) -> None:
    layers = [layer for case in cases for layer in case.stack]
    above = {(n, up) for n, layer in enumerate(layers) for e in layer for up in paths.ancestors(e.place)}
    implied = sum(len(layer.implied) for layer in layers)
    assert 0.4 <= implied / len(above) <= 0.6


FLOORS = {
    "implied directory": 0.8, "nested implied directory": 0.3, "file before its parent": 0.3,
    "late explicit entry": 0.5, "re-declared parent": 0.5, "explicit elsewhere": 0.4, "replaced path": 0.3,
    "replaced path without entry": 0.15, "whiteout": 0.5, "implied by a whiteout": 0.2,
    "whiteout over implied": 0.1, "opaque marker": 0.2, "opaque marker with entry": 0.1,
    "opaque marker without entry": 0.1, "hardlink": 0.15, "symlink": 0.2, "device": 0.2, "fifo": 0.1,
    "special bits": 0.5, "acl": 0.4, "xattr": 0.6, "odd spelling": 0.5, "absolute name": 0.3,
    "setgid parent of implied": 0.1, "default acl parent of implied": 0.02,
    "emptied implied directory": 0.05, "non-directory over directory": 0.1,
    "directory over non-directory": 0.1, "unmarked below marked": 0.3, "all marked": 0.4,
    "unmarked deep below marked": 0.05, "marked below unmarked": 0.3, "barrier below marked": 0.03,
    "opaque below marked": 0.05, "acl below marked": 0.05, "opaque and marked": 0.1,
    "time before 1970": 0.5, "time beyond 2038": 0.5, "fraction of a second": 0.5, "long path": 0.03,
    "odd name": 0.03, "empty layer": 0.05, "umask": 0.2, "userxattr": 0.2, "several layers": 0.8,
}  # fmt: skip

MODEL_FLOORS = {
    "mark by hand": 0.7, "unmarked below marked": 0.3, "unmarked deep below marked": 0.05, "all marked": 0.5,
    "marked below unmarked": 0.25, "opaque and marked": 0.3, "opaque below marked": 0.15,
    "barrier below marked": 0.03, "other namespace's mark": 0.3, "odd mark value": 0.25,
    "mark on non-directory": 0.3, "xwhiteouts": 0.03, "redirect": 0.2, "acl below marked": 0.05, "upper": 0.1,
}  # fmt: skip


def test_cases_meet_the_preconditions_of_rules(cases: list[Case]) -> None:
    have = frequencies(cases)
    assert {name: have[name] for name, floor in FLOORS.items() if have[name] < floor} == {}


def test_model_cases_meet_the_preconditions_of_rules(model_cases: list[Case]) -> None:
    have = frequencies(model_cases)
    assert {name: have[name] for name, floor in MODEL_FLOORS.items() if have[name] < floor} == {}


def test_rooted_cases_speak_of_roots_and_others_do_not(cases: list[Case], model_cases: list[Case]) -> None:
    rooted = frequencies(drawn(strategies.model_cases(rooted=True), 100))
    assert rooted["root entry"] > 0.6
    assert rooted["marked root"] > 0.3
    assert rooted["root opaque marker"] > 0.1
    assert frequencies(cases + model_cases)["root entry"] == 0


def test_xwhiteouts_can_be_left_out() -> None:
    assert frequencies(drawn(strategies.model_cases(Limits(xwhiteouts=False)), 200))["xwhiteouts"] == 0


def test_redirects_are_drawn_only_for_mounts_that_follow_them(model_cases: list[Case]) -> None:
    for case in model_cases:
        follows = ("redirect_dir", "follow") in case.setup.options
        assert follows == (case.setup.namespace == "trusted")
        assert follows or "redirect" not in features(case)


def test_a_redirect_leads_to_a_directory_of_a_lower_layer(model_cases: list[Case]) -> None:
    led = 0
    for case in model_cases:
        for number, layer in enumerate(case.stack):
            for path, entry in layer.explicit.items():
                if (value := entry.xattr("trusted.overlay.redirect")) is not None:
                    to = value.decode("utf-8", "surrogateescape")
                    target = to[1:] if to.startswith("/") else paths.join(paths.parent(path), to)
                    below = case.stack[:number]
                    assert any(target in (*lower.explicit, *lower.implied) for lower in below)
                    led += 1
    assert led > 20


@pytest.mark.parametrize("number", [1, 2])
def test_one_seed_gives_the_same_cases(number: int) -> None:
    assert drawn(strategies.batches(), 3, number) == drawn(strategies.batches(), 3, number)


def test_another_seed_gives_other_cases() -> None:
    assert drawn(strategies.batches(), 3, 1) != drawn(strategies.batches(), 3, 2)


def feature_names(*layers: Layer, setup: Setup | None = None) -> Set[str]:
    return features(Case(layers, setup or Setup(layout="model")))


def directory(name: str, *private: str) -> Entry:
    xattrs = tuple((f"trusted.overlay.{each}", b"y") for each in private)
    return Entry(name, "directory", 0o700, xattrs=xattrs)


FILE = Entry("a/b/f", "file")


def test_features_tell_marks_that_delegate_from_marks_that_do_not() -> None:
    above = Layer((FILE,))
    assert "unmarked below marked" in feature_names(Layer((directory("a/"),)), above)
    hidden = Layer((Entry(".wh.a", "whiteout"),))
    found = feature_names(Layer((directory("a/"),)), hidden, above)
    assert "barrier below marked" in found
    assert "unmarked below marked" not in found
    found = feature_names(Layer((directory("a/"),)), Layer((directory("a/", "opaque", "dirmeta_delegate"),)))
    assert {"opaque below marked", "opaque and marked", "all marked"} <= found


def test_a_barrier_may_be_an_ancestor() -> None:
    opaque = Layer((Entry("a/" + OPAQUE_MARKER, "opaque"),))
    found = feature_names(Layer((directory("a/b/"),)), opaque, Layer((FILE,)))
    assert "barrier below marked" in found
    assert "unmarked below marked" not in found


def test_marks_are_forged_where_an_unpacker_meets_them() -> None:
    layers = (Layer((directory("a/"),)), Layer((directory("a/", "dirmeta_delegate"),)))
    found = feature_names(*layers, setup=Setup())
    assert "forged xattr" in found
    assert "unmarked below marked" not in found
    assert "forged xattr" not in feature_names(*layers)


def test_features_see_the_order_of_a_layer() -> None:
    late = Layer((FILE, directory("a/")))
    assert {"late explicit entry", "file before its parent"} <= feature_names(late)
    assert not {"late explicit entry", "file before its parent"} & feature_names(Layer(late.entries[::-1]))


def test_an_emptied_directory_has_all_its_names_hidden() -> None:
    two = Layer((FILE, Entry("a/b/g", "file")))
    one, other = Entry("a/b/.wh.f", "whiteout"), Entry("a/b/.wh.g", "whiteout")
    assert "emptied implied directory" in feature_names(two, Layer((one, other)))
    assert "emptied implied directory" not in feature_names(two, Layer((one,)))


SHAPES = [
    shaped.orders, shaped.dangling, shaped.duplicates, shaped.bystanders, shaped.aufs_names, edges.edges,
    hostile.hostile, hostile.forged,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_shaped_cases_keep_to_the_limits(shape: strategies.Shape) -> None:
    made = entries(drawn(shape(NARROW), 100))
    assert not any(name.startswith("trusted.") for entry in made for name, _ in entry.xattrs)
    assert not any(entry.kind in ("char", "block") and entry.device != (0, 0) for entry in made)


def test_orders_are_well_formed_permutations_of_one_layer() -> None:
    made = drawn(shaped.orders(), 100)
    for case in made:
        assert not case.malformed
        assert len({frozenset(layer) for layer in case.stack}) == 1
        assert len(case.stack) >= 3
    assert sum(len(set(case.stack)) > 1 for case in made) > 80


def test_a_dangling_link_has_no_target_before_it() -> None:
    made = drawn(shaped.dangling(), 100)
    assert all("links to" in case.malformed for case in made)
    assert {len(case.stack) for case in made} == {1, 2}


def test_duplicates_are_mostly_of_directories() -> None:
    made = drawn(shaped.duplicates(), 100)
    assert all("two entries" in case.malformed for case in made)
    twice = [Counter(e.path for e in case.stack[0] if e.kind == "directory") for case in made]
    assert sum(max(counted.values(), default=0) > 1 for counted in twice) > 60


def test_bystanders_are_behind_a_symlink() -> None:
    assert all("which is no directory" in case.malformed for case in drawn(shaped.bystanders(), 100))


def test_aufs_names_are_in_well_formed_layers() -> None:
    for case in drawn(shaped.aufs_names(), 60):
        assert not case.malformed
        assert any(AUFS_PREFIX in entry.name and entry.kind != "opaque" for entry in case.stack[0])


def test_forged_cases_hold_private_xattrs_in_well_formed_layers() -> None:
    made = drawn(hostile.forged(), 100)
    for case in made:
        assert not case.malformed
        assert any(overlayfs.is_overlay_private(name) for e in case.stack[0] for name, _ in e.xattrs)
    assert any(e.kind == "char" and e.device == (0, 0) for e in entries(made))


def test_hostile_cases_try_every_way_out() -> None:
    made = entries(drawn(hostile.hostile(), 200))
    assert any(".." in entry.name.split("/") for entry in made)
    assert any(entry.kind == "symlink" and "canary" in entry.target for entry in made)
    assert any(entry.kind == "hardlink" and "canary" in entry.target for entry in made)
    assert any(len(value) == hostile.HUGE for entry in made for _, value in entry.xattrs)
    assert any(entry.mtime >= (1 << 33) * pools.SECOND for entry in made)


def test_edges_reach_both_sides_of_each_limit() -> None:
    made = drawn(edges.edges(), 400)
    lengths = {paths.encoded_length(part) for entry in entries(made) for part in entry.place.split("/")}
    assert {255, 256} <= lengths
    assert any(case.stack == (Layer(),) for case in made)
    assert {case.setup.tar for case in made} == {"pax", "gnu"}
    assert max(entry.place.count("/") for entry in entries(made)) >= 99
    assert all("component over 255" in case.malformed for case in made if case.malformed)
