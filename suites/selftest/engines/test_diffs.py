"""Diff directories that an engine left are judged by the rules for unpackers."""

from dirmeta.judge.answers import Held
from dirmeta.judge.corpus import corpus
from dirmeta.judge.diffs import judged, trial_of
from dirmeta.judge.expected import Expected
from dirmeta.judge.results import RuleResult
from dirmeta.model.oracle import diff_directory
from dirmeta.model.tree import Tree
from dirmeta.subjects.engines.base import Traits

CASES = corpus()
RIGHT = {
    each.name: tuple(diff_directory(layer, delegate=False) for layer in each.case.stack) for each in CASES
}


HELD = Held("tool", Traits("topmost"), "again {id}")


def results(layers: dict[str, tuple[Tree, ...]], known: Expected | None = None) -> dict[str, RuleResult]:
    trials = [trial_of(each.case, layers.get(each.name, ()), HELD.traits) for each in CASES]
    found = judged("tool", list(filter(None, trials)), known or Expected(), HELD.witness)
    return {result.rule: result for result in found}


def test_what_is_right_breaks_no_rule() -> None:
    found = results(RIGHT)
    assert {result.verdict for result in found.values()} == {"pass", "n/a", "unverified"}
    assert [found[f"UNPACK-{name}"].verdict for name in ("PARENTS", "EXACT", "NAMES", "REPLACED")] == [
        "pass"
    ] * 4
    assert found["UNPACK-MARK"].reason == "tool does not claim the feature"
    assert found["UNPACK-FORGED"].reason == "no case has 'forged xattr'"


def test_what_is_wrong_has_its_case_as_a_witness() -> None:
    [layer] = RIGHT["B"]
    wrong = {**layer, "usr/bin": layer["usr/bin"]._replace(mode=0o755)}
    found = results({**RIGHT, "B": (wrong,)})
    assert [rule for rule, result in found.items() if result.verdict == "fail"] == ["UNPACK-EXACT"]
    [witness] = found["UNPACK-EXACT"].witnesses
    assert witness.where == "usr/bin    in the diff directory of layer 1"
    assert (witness.want, witness.saw) == ("0711 5:0 1970-01-01 00:16:40", "0755 5:0 1970-01-01 00:16:40")


def test_a_placeholder_that_is_not_neutral_is_noted() -> None:
    late = {
        path: node._replace(mtime=7) if path in CASES[0].case.stack[1].implied else node
        for path, node in RIGHT["A"][1].items()
    }
    found = results({**RIGHT, "A": (RIGHT["A"][0], late)})
    assert {rule for rule, result in found.items() if result.verdict == "noted"} == {"UNPACK-FALLBACK"}


def test_nothing_is_judged_where_no_diff_directory_is_known() -> None:
    assert results({}) == {}
    assert results(dict.fromkeys(RIGHT, ())) == {}
