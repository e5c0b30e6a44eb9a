"""Mount options: which the kernel takes is asked, and every two that it takes are mounted together."""

from itertools import combinations

import pytest

from dirmeta.generate.pairwise import pairwise
from dirmeta.judge.mixes import mixes
from dirmeta.labs.base import LabError
from dirmeta.labs.host import HostLab
from dirmeta.model.limits import Limits
from dirmeta.model.mountoptions import APPEND, CONFLICTS, DATA, OPTIONS, words

FACTORS = (("a", "A"), ("b", "B", "β"), ("c", "C"), ("d", "D"))


def met(rows: list[tuple[str, ...]]) -> set[frozenset[str]]:
    return {frozenset(pair) for row in rows for pair in combinations(row, 2)}


def test_every_pair_meets_in_few_rows() -> None:
    rows = pairwise(FACTORS, ())
    wanted = {frozenset((x, y)) for one, two in combinations(FACTORS, 2) for x in one for y in two}
    assert met(rows) == wanted
    assert len(rows) < 2 * 3 * 2 * 2 / 2


def test_a_forbidden_pair_never_meets_and_rules_out_what_needs_it() -> None:
    forbidden = {frozenset("aB"), frozenset("Aβ"), frozenset("βc"), frozenset("aD"), frozenset("Ad")}
    rows = pairwise(FACTORS, forbidden)
    assert met(rows).isdisjoint(forbidden)
    # B goes with A alone, and A with D alone.
    assert frozenset("BD") in met(rows)
    assert frozenset("Bd") not in met(rows)


def test_every_option_is_mounted_and_none_that_is_refused() -> None:
    refused = frozenset((("trusted", ("uuid", "auto")), ("trusted", APPEND), ("user", DATA)))
    drawn = {option for mix in mixes("trusted", refused) for option in mix}
    assert set(OPTIONS) - drawn == {("uuid", "auto"), APPEND}
    pairs = {frozenset(pair) for mix in mixes("trusted", frozenset()) for pair in combinations(mix, 2)}
    assert pairs.isdisjoint(CONFLICTS)
    assert frozenset((("nfs_export", "on"), ("xino", "on"))) in pairs


def test_a_kernel_that_knows_few_options_is_mounted_all_the_same() -> None:
    old = ("verity", "uuid", "override_creds", "nooverride_creds", "lowerdir+", "datadir+")
    refused = frozenset(("trusted", option) for option in OPTIONS if option[0] in old)
    drawn = {name for mix in mixes("trusted", refused) for name, _ in mix}
    assert drawn.isdisjoint(old)
    assert {"index", "xino", "metacopy", "volatile"} <= drawn


def test_a_lab_knows_what_its_kernel_refuses() -> None:
    try:
        lab = HostLab()
    except LabError as error:
        pytest.skip(str(error))
    with lab:
        refused = {(namespace, words(option)) for namespace, option in lab.limits.refused}
    assert ("user", "metacopy=on") in refused
    assert not {("user", "index=on"), ("trusted", "metacopy=on"), ("trusted", "datadir+")} & refused
    assert Limits().refused == ()
