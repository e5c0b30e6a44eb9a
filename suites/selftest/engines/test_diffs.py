"""Diff directories that an engine left are judged by the rules for unpackers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dirmeta.judge.answers import Held
from dirmeta.judge.corpus import Named, corpus, probes
from dirmeta.judge.diffs import Tried, judged, trial_of
from dirmeta.judge.expected import Expected
from dirmeta.judge.results import RuleResult
from dirmeta.model.oracle import diff_directory
from dirmeta.model.tree import Tree
from dirmeta.rules.catalogue import catalogue
from dirmeta.subjects.engines.base import Composed, Traits

CASES = {each.name: each for each in (*corpus(), *probes())}
UNMADE = ("dangling", "too long")
"""What is to be refused."""
HELD = Held("tool", Traits("topmost", diffs=True), "again {id}")


def composed(*layers: Tree) -> Composed:
    return Composed({}, "", 0, 0, layers)


def refused(words: str, *below: Tree) -> Composed:
    return Composed(None, words, 0, 0, below)


def diffs_of(named: Named) -> tuple[Tree, ...]:
    return tuple(diff_directory(layer, delegate=False) for layer in named.case.stack)


RIGHT: dict[str, Composed] = {
    name: refused("opt/lost/target: No such file; opt/x: name too long")
    if name in UNMADE
    else composed(*diffs_of(named))
    for name, named in CASES.items()
    if name != "through a link"
} | {"through a link": refused("bin/foo: leads through a link")}


def results(
    seen: Mapping[str, Composed], known: Expected | None = None, held: Held = HELD
) -> dict[str, RuleResult]:
    tried = [
        Tried(CASES[name], trial)
        for name, each in seen.items()
        if (trial := trial_of(CASES[name].case, each, held.traits))
    ]
    return {each.rule: each for each in judged("tool", tried, known or Expected(), held.witness)}


def failing(found: Mapping[str, RuleResult]) -> list[str]:
    return [rule for rule, result in found.items() if result.verdict == "fail"]


def test_what_is_right_breaks_no_rule_and_leaves_none_unverified() -> None:
    found = results(RIGHT)
    assert {result.verdict for result in found.values()} == {"pass", "n/a"}
    assert found["UNPACK-MARK"].reason == "tool does not claim the feature"
    assert found["UNPACK-CONTAINED"].reason.startswith("what an engine writes beside its diff directories")
    judged_ones = {rule for rule, result in found.items() if result.verdict == "pass"}
    assert {f"UNPACK-{name}" for name in ("ORDER", "FORGED", "LINKTARGET", "BYSTANDER", "EDGE", "ROOT")} <= (
        judged_ones
    )


def test_every_rule_for_unpackers_that_can_be_broken_has_a_verdict() -> None:
    told = {
        each.id
        for each in catalogue().values()
        if each.family == "UNPACK" and each.checked and each.status != "O" and "feature" not in each.requires
    }
    assert told <= results(RIGHT).keys()


def test_what_no_case_has_is_unverified() -> None:
    found = results({name: RIGHT[name] for name in "AB"})
    assert found["UNPACK-ROOT"].verdict == "unverified"
    assert found["UNPACK-ROOT"].reason == "no case that was unpacked has 'root entry'"


def test_what_is_wrong_has_its_case_as_a_witness() -> None:
    [layer] = RIGHT["B"].layers
    wrong = {**layer, "usr/bin": layer["usr/bin"]._replace(mode=0o755)}
    found = results({**RIGHT, "B": composed(wrong)})
    assert failing(found) == ["UNPACK-EXACT"]
    [witness] = found["UNPACK-EXACT"].witnesses
    assert witness.where == "usr/bin    in the diff directory of layer 1"
    assert (witness.want, witness.saw) == ("0711 5:0 1970-01-01 00:16:40", "0755 5:0 1970-01-01 00:16:40")


def test_an_image_that_is_refused_fails_for_the_layer_it_is_refused_with() -> None:
    below = RIGHT["A"].layers[0]
    found = results({**RIGHT, "A": refused("tool: no", below)})
    assert failing(found) == ["UNPACK-PARENTS"]
    [witness] = found["UNPACK-PARENTS"].witnesses
    assert witness.where == "the layer    in the diff directory of layer 2"
    assert (witness.want, witness.saw) == ("unpacked", "tool: no")


def test_where_all_is_refused_nothing_passes_that_is_about_what_was_unpacked() -> None:
    found = results({name: refused("tool: no") for name in RIGHT})
    told = {rule: result.verdict for rule, result in found.items()}
    assert told["UNPACK-PARENTS"] == "fail"
    passed = {rule for rule, verdict in told.items() if verdict == "pass"}
    assert passed <= {"UNPACK-BYSTANDER"}
    assert told["UNPACK-EXACT"] == told["UNPACK-ORDER"] == "unverified"


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("forged", composed(diff_directory(CASES["forged"].case.stack[0], delegate=False) | {}), ""),
        ("dangling", refused("tool: something is wrong"), "UNPACK-LINKTARGET"),
        ("dangling", composed(diff_directory(CASES["D"].case.stack[0], delegate=False)), "UNPACK-LINKTARGET"),
        ("too long", composed(diff_directory(CASES["D"].case.stack[0], delegate=False)), "UNPACK-EDGE"),
        ("empty", refused("tool: an empty layer"), "UNPACK-EDGE"),
    ],
)  # fmt: skip
def test_a_probe_is_judged_by_the_rules_that_it_is_there_for(name: str, change: Composed, rule: str) -> None:
    assert failing(results({**RIGHT, name: change})) == [rule] * bool(rule)


def test_the_entry_of_the_layer_root_counts() -> None:
    [layer] = RIGHT["root"].layers
    found = results({**RIGHT, "root": composed({**layer, "": layer[""]._replace(mode=0o555)})})
    assert failing(found) == ["UNPACK-ROOT"]


def test_what_overlayfs_notes_in_an_upper_is_not_the_tools() -> None:
    first, second = RIGHT["orders"].layers
    noted = {**second, "etc": second["etc"]._replace(xattrs=(("trusted.overlay.impure", b"y"),))}
    assert failing(results({**RIGHT, "orders": composed(first, noted)})) == []
    other = {**second, "etc": second["etc"]._replace(xattrs=(("trusted.overlay.opaque", b"y"),))}
    assert "UNPACK-ORDER" in failing(results({**RIGHT, "orders": composed(first, other)}))


def test_a_placeholder_that_is_not_neutral_is_noted() -> None:
    first, second = RIGHT["A"].layers
    late = {
        path: node._replace(mtime=7) if path in CASES["A"].case.stack[1].implied else node
        for path, node in second.items()
    }
    found = results({**RIGHT, "A": composed(first, late)})
    assert {rule for rule, result in found.items() if result.verdict == "noted"} == {"UNPACK-FALLBACK"}


def test_nothing_is_judged_of_an_engine_without_diff_directories() -> None:
    held = replace(HELD, traits=Traits("topmost"))
    assert results(RIGHT, held=held) == {}
    assert results(dict.fromkeys(RIGHT, refused("no")), held=held) == {}
