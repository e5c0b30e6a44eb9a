"""Where things lie, and where caches and results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirmeta import locations


def test_the_suites_that_are_found_hold_this_file() -> None:
    assert (locations.suites() / "selftest" / Path(__file__).name).samefile(__file__)


def test_the_fixtures_are_found() -> None:
    assert (locations.fixtures() / "README.md").is_file()


def test_suites_inside_the_package_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locations, "_PACKAGE", tmp_path)
    monkeypatch.setattr(locations, "_CHECKOUT", tmp_path / "checkout")
    assert locations.suites() == tmp_path / "checkout" / "suites"
    (tmp_path / "suites").mkdir()
    assert locations.suites() == tmp_path / "suites"


def test_one_variable_moves_all_that_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(locations.CACHE_VARIABLE, str(tmp_path))
    assert locations.cache() == tmp_path
    assert locations.results() == tmp_path / "results"


def test_a_relative_place_outlives_a_change_of_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(locations.CACHE_VARIABLE, "kept")
    assert locations.cache() == tmp_path / "kept"


def test_without_the_variable_the_user_s_directories_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(locations.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert locations.cache() == tmp_path / "cache" / "dirmeta"
    assert locations.results() == tmp_path / "state" / "dirmeta"
    assert not list(tmp_path.iterdir())
