"""What an engine is known to do otherwise: excused where it is the same, failed where not, stale if gone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dirmeta.judge.asking import Asked, Model, answers, is_root
from dirmeta.judge.corpus import corpus
from dirmeta.judge.expectations import Expectation
from dirmeta.judge.expected import Expected
from dirmeta.judge.expecting_engines import Known, spoken_of
from dirmeta.judge.learning import learned
from dirmeta.judge.matrix import Matrix, Row, compare
from dirmeta.judge.updating_engines import Lesson, updated
from dirmeta.model import listing
from dirmeta.reports.matrix import matrix_text
from dirmeta.subjects import SubjectError
from dirmeta.subjects.engines.table import engine
from dirmeta.subjects.engines.world import World

from ..worlds import skip_without
from .scripts import EXAMPLE, spoiled

CASES = tuple(each for each in corpus() if each.name in "AE")
KEEP: Model = ("sequential", "keep")
MODE = 'chmod 0700 "$2"/*/tmp'
"""Spoils every directory called tmp at the top."""
STICKY = "layer 1  tmp/  1777"
"""That at its smallest."""


def entry(witness: str, rule: str = "sequential/keep", versions: str = "", options: str = "") -> Expectation:
    return Expectation(rule, "It is so.", "https://example.org", versions, options, listing.parse(witness))


def asked(spec: str, entries: Sequence[Expectation]) -> Asked:
    return Asked((spec,), CASES, expect=KEEP, entries=lambda name: entries)


def row(spec: str, *entries: Expectation) -> Row:
    [found] = compare(asked(spec, entries), lambda row: None)
    if found.status == "error" and "world" in found.why:
        skip_without(found.why)
    assert found.status == "judged", found.why
    return found


def test_what_is_not_expected_deviates(tmp_path: Path) -> None:
    found = row(spoiled(tmp_path, MODE))
    assert (found.deviates, found.deviates_as_expected, found.expected) == (True, False, ())


def test_a_deviation_with_a_witness_is_expected_and_says_why(tmp_path: Path) -> None:
    spec = spoiled(tmp_path, MODE)
    found = row(spec, entry(STICKY))
    assert (found.deviates, found.deviates_as_expected, found.is_unexpected) == (False, True, False)
    [witness] = found.expected
    assert (witness.rule, witness.where, witness.note) == (
        "sequential/keep",
        "tmp",
        "It is so. https://example.org",
    )
    assert witness.again == f"dirmeta replay {witness.id} --subject {spec} --expect sequential/keep"
    text = matrix_text(Matrix(CASES, (found,), 1.0))
    assert "\ndeviates " not in text
    assert f"\n      It is so. https://example.org\n         sequential/keep  {spec}\n" in text
    assert text.splitlines()[-1].startswith(
        "1 subject judged, 0 deviate from the semantics they declare; 1 as expected"
    )


@pytest.mark.parametrize(
    "damage",
    [
        f'{MODE}; touch -d @7 "$2"/c*/usr/bin',
        f'{MODE}; for i in "$2"/*/tmp/x; do touch -d @7 "${{i%/x}}"; done',
        'for i in "$2"/*/tmp "$2"/*/usr; do [ ! -d $i ] || chmod 0700 $i; done',
    ],
)
def test_another_thing_wrong_or_the_same_elsewhere_deviates(tmp_path: Path, damage: str) -> None:
    found = row(spoiled(tmp_path, damage), entry(STICKY))
    assert found.deviates
    told = [each for cell in found.cells for each in cell.deviations if not each.expected]
    assert told
    assert len(found.expected) == 1


def test_an_entry_that_shows_nothing_any_more_is_stale() -> None:
    spec = f"engine:{EXAMPLE}"
    found = row(spec, entry("layer 1  a/  0700"), entry(STICKY))
    if not is_root():
        assert found.stale == ()
        pytest.skip("an ordinary user's run calls nothing stale")
    assert (found.deviates, found.fails, found.is_unexpected) == (False, False, True)
    assert found.stale == (
        f"{spec}: entry 1: its witness does not break sequential/keep any more; "
        "dirmeta compare --update-expectations drops it",
    )
    text = matrix_text(Matrix(CASES, (found,), 1.0))
    assert f"\nstale  {spec}  {found.stale[0]}" in text
    assert "declare; 1 with stale expectations" in text.splitlines()[-1]


def test_entries_of_other_semantics_versions_and_options_are_left_alone(tmp_path: Path) -> None:
    others = (
        entry(STICKY, rule="topmost"),
        entry(STICKY, versions="<1"),
        entry(STICKY, options="driver=vfs"),
        entry("layer 1  d/  0700", rule="UNPACK-EXACT"),
    )
    spec = spoiled(tmp_path, MODE)
    found = row(spec, *others)
    assert (found.expected, found.stale, found.deviates) == ((), (), True)
    # Nor is the engine asked for their witnesses: what hits a layer-level tool may be hostile.
    assert spoken_of(others, engine(spec), asked(spec, others).held(engine(spec))) == ()


def lesson(spec: str, *entries: Expectation) -> tuple[Expectation, ...]:
    """What is learned of an engine."""
    subject = engine(spec)
    try:
        with World(subject) as world:
            found = answers(subject, asked(spec, entries), world)
            return tuple(learned(subject, found, world))
    except SubjectError as why:
        skip_without(why)


def test_what_is_learned_is_small_and_covers_all_that_was_seen(tmp_path: Path) -> None:
    spec = spoiled(tmp_path, MODE)
    found = lesson(spec)
    assert {each.rule for each in found} == {"sequential/keep"}
    assert all(sum(map(len, each.case.stack)) <= 2 for each in found)
    assert not row(spec, *found).deviates
    assert lesson(spec, *found) == ()


A, B, C = (entry(f"layer 1  {name}/  0700") for name in "abc")


def known(shown: Sequence[Expectation] = (), gone: Sequence[Expectation] = ()) -> Known:
    return Known(Expected(), tuple(shown), tuple(gone))


def test_an_update_drops_what_is_stale_and_keeps_the_rest() -> None:
    new = updated([A, B, C], [Lesson("", "sequential/keep", known(shown=[A], gone=[B]), ())])
    assert new.entries == (A, C)
    assert (new.kept, new.added, new.dropped) == (2, 0, 1)


def test_what_is_stale_for_some_options_goes_on_for_the_others() -> None:
    lessons = [
        Lesson("driver=x", "sequential/keep", known(shown=[A]), ()),
        Lesson("driver=y", "sequential/keep", known(gone=[A]), ()),
    ]
    assert [each.options for each in updated([A], lessons).entries] == ["driver=x"]


def test_what_all_configurations_teach_needs_no_options() -> None:
    def taught(options: str, model: str = "sequential/keep", *entries: Expectation) -> Lesson:
        return Lesson(options, model, known(), entries)

    alike = [taught("driver=x", "sequential/keep", A), taught("driver=y", "sequential/keep", A)]
    assert updated([], [*alike, taught("driver=z", "topmost")]).entries == (A,)
    some = [taught("driver=x", "sequential/keep", A), taught("driver=y")]
    assert [each.options for each in updated([], some).entries] == ["driver=x"]
