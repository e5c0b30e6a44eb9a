"""Each file of `cases/` is collected as a family: an item is one rule, judged on the case in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dirmeta.judge.regression_files import RegressionError, load
from dirmeta.judge.reported import Reported, reported
from dirmeta.plugin import RuleItem

CASES = Path(__file__).parent / "cases"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> RegressionFile | None:
    if file_path.suffix == ".toml" and file_path.parent == CASES:
        file: RegressionFile = RegressionFile.from_parent(parent, path=file_path)
        return file
    return None


class RegressionFile(pytest.File):
    """A regression: ``cases/buildah_6503_tmp_sticky.toml``."""

    family: Reported

    def collect(self) -> Iterator[RuleItem]:
        try:
            self.family = reported(load(self.path))
        except RegressionError as error:
            raise self.CollectError(str(error)) from None
        for rule in self.family.rules:
            yield RegressionItem.from_parent(self, name=f"{rule}[0]", rule=rule, shard=0)


class RegressionItem(RuleItem):
    """One rule, judged on one regression."""

    def reportinfo(self) -> tuple[Any, int | None, str]:
        path, line, words = super().reportinfo()
        return path, line, f"{path.stem}: {words}"
