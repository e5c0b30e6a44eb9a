"""Who may import whom: each folder of the package only those named before it (ARCHITECTURE.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dirmeta
from dirmeta import locations

PURE = ("model", "rules")
FOLDERS = (
    *PURE, "locations", "streams", "generate", "observe", "sandbox",
    "subjects", "kernels", "building", "labs", "judge", "reports",
)  # fmt: skip
TOP = ("options", "scheduling", "plugin", "cli", "__main__")
"""Modules of the package itself, above all folders; they may import each other."""
NOT_PURE = ("os", "subprocess", "time", "hypothesis", "pytest")
DATA = ("suites", "fixtures")

PACKAGE = Path(dirmeta.__file__).parent


def imports(source: str, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every module or name that `source` imports, at whatever depth, split at its dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = (*above, *(node.module or "").split(".")) if node.module else above
            yield from ((*module, alias.name) for alias in node.names)


def modules(package: Path) -> Iterator[tuple[Path, str]]:
    """Every module of the package with the folder or top-level name that it belongs to."""
    for path in sorted(package.rglob("*.py")):
        folder = path.relative_to(package).with_suffix("").parts[0]
        if folder not in DATA:
            yield path, folder


def rank(folder: str) -> int:
    """Where a folder stands in the order; what is not in it stands nowhere."""
    return len(FOLDERS) if folder in TOP else FOLDERS.index(folder)


def wrong_imports(package: Path) -> list[str]:
    """One line for each import that the order of the folders forbids."""
    return [
        f"{path.relative_to(package)} imports {'.'.join(target)}"
        for path, folder in modules(package)
        for target in imports(path.read_text("utf-8"), ("dirmeta", *path.relative_to(package).parts[:-1]))
        if is_wrong(folder, target)
    ]


def is_wrong(folder: str, target: tuple[str, ...]) -> bool:
    if target[0] in DATA:
        return True
    if target[0] != "dirmeta":
        return folder in PURE and target[0] in NOT_PURE
    if target[1:2] in ((), ("__version__",)):
        return False
    return target[1] in DATA or target[1] not in (*FOLDERS, *TOP) or rank(target[1]) > rank(folder)


def test_each_folder_imports_only_those_before_it() -> None:
    assert wrong_imports(PACKAGE) == []


def test_every_folder_has_its_place_in_the_order() -> None:
    assert {folder for _, folder in modules(PACKAGE)} - {*FOLDERS, *TOP, "__init__"} == set()


def test_suites_import_no_fixtures() -> None:
    wrong = [
        f"{path} imports {'.'.join(target)}"
        for path in locations.suites().rglob("*.py")
        for target in imports(path.read_text("utf-8"), ())
        if "fixtures" in target[:2]
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("model/new.py", "import os"),
        ("model/new.py", "from time import monotonic"),
        ("model/new.py", "from dirmeta import locations"),
        ("rules/new.py", "import hypothesis.strategies"),
        ("rules/new.py", "from dirmeta.streams import tar"),
        ("streams/new.py", "from dirmeta import judge"),
        ("streams/new.py", "from ..judge import family"),
        ("streams/new.py", "def late():\n    import dirmeta.judge.family"),
        ("judge/new.py", "from dirmeta.plugin import Session"),
        ("judge/new.py", "from dirmeta.elsewhere import thing"),
        ("judge/new.py", "import fixtures.examples"),
        ("plugin.py", "from dirmeta.fixtures import examples"),
        ("cli.py", "from suites import merge"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, module: str, line: str) -> None:
    write(tmp_path / module, line)
    assert len(wrong_imports(tmp_path)) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("model/new.py", "from dirmeta.model import paths"),
        ("model/new.py", "from . import paths"),
        ("rules/new.py", "from dirmeta.model import paths"),
        ("streams/new.py", "import os"),
        ("streams/new.py", "from dirmeta import locations, model"),
        ("subjects/reference/new.py", "from .. import base"),
        ("subjects/reference/new.py", "from ...model import paths"),
        ("reports/new.py", "from dirmeta import __version__"),
        ("cli.py", "from dirmeta.plugin import Session"),
    ],
)
def test_a_right_import_is_not(tmp_path: Path, module: str, line: str) -> None:
    write(tmp_path / module, line)
    assert wrong_imports(tmp_path) == []


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
