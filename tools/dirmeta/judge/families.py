"""The families that the suites declare, without pytest."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from dirmeta import locations
from dirmeta.judge.family import Family

RULE_SUITES = ("unpack", "merge", "access", "copyup", "compat", "parity")
"""The folders of `suites/` that judge subjects and kernels by families of drawn cases."""
JUDGING = (*RULE_SUITES, "regressions")
"""All that judge, those with named cases too; the others test the suite itself."""


@cache
def families() -> dict[str, Family]:
    """``unpack/test_wellformed::layers`` → family, in the order of files and lines."""
    found: dict[str, Family] = {}
    for suite in RULE_SUITES:
        for path in sorted((locations.suites() / suite).glob("test_*.py")):
            for name, value in vars(_module(path)).items():
                if isinstance(value, Family):
                    found[f"{suite}/{path.stem}::{name}"] = value
    return found


def _module(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(f"dirmeta_suite_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
