"""The small scope is complete, and its reduction changes no verdict."""

from __future__ import annotations

from itertools import islice, product

import pytest

from dirmeta.generate import exhaustive, packing
from dirmeta.generate.exhaustive import States
from dirmeta.generate.features import features
from dirmeta.model import oracle
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Case

SAMPLE = 3000


def sources(case: Case) -> dict[str, tuple[int, ...]]:
    """Path of each directory of the view → the layers that merge there, after the one whose metadata
    shows; and the leaf where it shows."""
    view = oracle.merge(oracle.diff_directories(case), delegate=True, namespace=case.setup.namespace)
    found = {
        path: (view.source[path].layer, *(place.layer for place in places))
        for path, places in view.contributors.items()
    }
    return found | {path: () for path in view.tree if path == exhaustive.LEAF}


def test_there_are_as_many_stacks_as_counted() -> None:
    counts = exhaustive.counts()
    assert counts == (118, 118 + 118**2, 14 * 58 * 58, 118**3)
    assert sum(1 for _ in exhaustive.two_layers()) == counts.two
    assert sum(1 for _ in exhaustive.three_layers()) == counts.three
    assert (len(exhaustive.two_layers()), len(exhaustive.three_layers())) == (counts.two, counts.three)


def test_stacks_are_in_the_order_of_a_product() -> None:
    lowest, upper = exhaustive.representatives(lowest=True), exhaustive.representatives(lowest=False)
    every = exhaustive.three_layers()
    for index, states in islice(enumerate(product(lowest, upper, upper)), 0, None, 997):
        assert every[index] == exhaustive.case(states)
    layers, both = exhaustive.layer_states(), exhaustive.two_layers()
    assert both[len(layers) - 1] == exhaustive.case(layers[-1:])
    assert both[len(layers) + 1] == exhaustive.case(layers[:2])
    with pytest.raises(IndexError):
        every[len(every)]


def test_no_stack_is_given_twice() -> None:
    two = set(exhaustive.two_layers())
    assert len(two) == exhaustive.counts().two


def test_every_layer_is_as_its_states_say() -> None:
    for states in exhaustive.layer_states():
        (layer,) = exhaustive.case([states]).stack
        assert layer.malformed == ""
        for path, state in zip((exhaustive.OUTER, exhaustive.INNER, exhaustive.LEAF), states, strict=True):
            assert (path in layer.implied) == (state == "implied")
            assert (path in layer.whiteouts) == (state == "whiteout")
            assert (path in layer.others) == (state in ("file", "symlink"))
            assert (path in layer.explicit) == (state in ("explicit", "marked", "opaque", "opaque+marked"))


def test_legal_is_what_a_layer_can_say() -> None:
    states = set(exhaustive.layer_states())
    assert States("implied", "absent", "absent") not in states
    assert States("file", "implied", "file") not in states
    assert States("implied", "implied", "whiteout") in states
    assert States("explicit", "absent", "absent") in states


def test_every_directory_can_be_told_from_every_other() -> None:
    deep = exhaustive.case([States("explicit", "explicit", "file")] * 3)
    entries = [entry for layer in deep.stack for entry in layer if entry.kind == "directory"]
    for attribute in ("mode", "uid", "gid", "mtime"):
        assert len({getattr(entry, attribute) for entry in entries}) == len(entries)


def test_states_cover_the_features_that_depend_on_states() -> None:
    found = {name for case in exhaustive.two_layers() for name in features(case)}
    assert {
        "unmarked below marked", "all marked", "marked below unmarked", "opaque below marked",
        "opaque and marked", "whiteout over implied", "emptied implied directory",
        "non-directory over directory", "directory over non-directory",
    } <= found  # fmt: skip
    assert "barrier below marked" in {
        name for case in islice(exhaustive.three_layers(), 8000) for name in features(case)
    }


def test_a_representative_is_its_own() -> None:
    for lowest, states in product((True, False), exhaustive.layer_states()):
        chosen = exhaustive.representative(states, lowest=lowest)
        assert chosen in exhaustive.layer_states()
        assert exhaustive.representative(chosen, lowest=lowest) == chosen


def test_the_reduction_to_representatives_changes_no_verdict() -> None:
    every = exhaustive.layer_states()
    step = len(every) ** 3 // SAMPLE
    for number in range(7, len(every) ** 3, step):
        low, rest = divmod(number, len(every) ** 2)
        three = [every[low], every[rest // len(every)], every[rest % len(every)]]
        reduced = [exhaustive.representative(states, lowest=n == 0) for n, states in enumerate(three)]
        assert sources(exhaustive.case(reduced)) == sources(exhaustive.case(three)), three


@pytest.mark.parametrize("limits", [Limits(namespaces=("user",), ids=(0,), trusted=False, acls=False)])
def test_the_scope_fits_a_narrow_lab(limits: Limits) -> None:
    for case in exhaustive.two_layers(limits):
        assert case.setup.namespace == "user"
        for layer in case.stack:
            assert all(entry.uid == 0 and entry.gid == 0 for entry in layer)
            assert all(name.startswith("user.") for entry in layer for name, _ in entry.xattrs)


def test_all_of_it_can_be_packed() -> None:
    assert all(packing.packable(case) for case in exhaustive.two_layers())
