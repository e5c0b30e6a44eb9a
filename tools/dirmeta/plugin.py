"""Pytest's way in: options, families as items, and what they come to.

One item is one rule on one shard of a family. The items of a shard share one run of it, so they are kept
on one xdist worker.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dirmeta.judge.bench import Bench
from dirmeta.judge.expectations import load
from dirmeta.judge.expected import Expected
from dirmeta.judge.expecting import expected
from dirmeta.judge.family import Family
from dirmeta.judge.opening import UsageError, Wanted, about, open_bench, open_subject
from dirmeta.judge.results import RuleResult
from dirmeta.judge.runner import run_shard
from dirmeta.kernels.errors import KernelError
from dirmeta.labs.base import LabError
from dirmeta.options import OPTIONS, wanted
from dirmeta.reports.terminal import failure_text
from dirmeta.rules.catalogue import catalogue
from dirmeta.sandbox.interrupts import take
from dirmeta.sandbox.namespace import die_with_parent
from dirmeta.subjects.base import Subject, SubjectError

PROPERTY = "dirmeta"
"""Under this name an item's result travels in its report, between xdist's processes too."""
ABOUT = "dirmeta-about"
"""And under this one, what the run was about."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dirmeta", "conformance to dirmeta_delegate")
    for option in OPTIONS:
        settings: dict[str, Any] = {"dest": f"dirmeta_{option.field}", "help": option.help}
        if option.is_flag:
            settings |= {"action": "store_true", "default": None}
        else:
            settings |= {"metavar": option.metavar, "type": option.type, "default": None}
            settings |= {"action": "append"} if option.multiple else {}
        group.addoption(option.pytest_flag, **settings)
    group.addoption(
        "--allow-unverified",
        action="store_true",
        dest="dirmeta_allow_unverified",
        help="end with 0 although rules are unverified",
    )


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        die_with_parent()  # xdist's workers would finish what they are at
        take()
    if config.getoption("dirmeta_profile") == "full" and config.getoption("dirmeta_seed") is None:
        config.option.dirmeta_seed = secrets.randbelow(1 << 31)
    try:
        asked = wanted({option.field: config.getoption(f"dirmeta_{option.field}") for option in OPTIONS})
        asked.check()
        if asked.subject:
            load(open_subject(asked).name)
    except (UsageError, SubjectError, KernelError) as error:
        raise pytest.UsageError(f"dirmeta: {error}") from None
    config.stash[SESSION] = Session(asked)
    if _by_shards(config) and config.getoption("maxworkerrestart", None) is None:
        config.option.maxworkerrestart = "0"  # with scopes xdist waits for ever for a restarted one


def _by_shards(config: pytest.Config) -> bool:
    """Whether several processes judge, and nobody asked for another way to hand out items."""
    return bool(config.getoption("numprocesses", None)) and config.getoption("dist", "no") == "load"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the items of a shard together; optional, for xdist may be switched off."""
    if not _by_shards(config):
        return None
    from dirmeta.scheduling import ShardScheduling  # noqa: PLC0415 - where xdist is

    return ShardScheduling(config, log)


def pytest_report_header(config: pytest.Config) -> list[str]:
    number = config.getoption("dirmeta_seed")
    return [f"dirmeta: --draw={number} repeats these cases"] if number is not None else []


class Session:
    """What the items of one process share: the bench, and the shards that were run."""

    def __init__(self, asked: Wanted) -> None:
        self.asked = asked
        self.selected = asked.selected()
        self.shards: dict[tuple[str, int], dict[str, RuleResult]] = {}
        self.rules: dict[tuple[str, int], list[str]] = {}
        self._bench: Bench | LabError | SubjectError | KernelError | None = None

    @property
    def bench(self) -> Bench:
        """The bench, opened when the first item needs it; an error of it is kept."""
        if self._bench is None:
            try:
                subject = open_subject(self.asked)
                self._bench = open_bench(self.asked, subject)
                self._bench.expected = self._expected(self._bench, subject)
            except (LabError, SubjectError, KernelError) as error:
                self._bench = error
        if not isinstance(self._bench, Bench):
            raise self._bench
        return self._bench

    def _expected(self, bench: Bench, subject: Subject) -> Expected:
        known = expected(bench, subject, load(subject.name), self.selected)
        return replace(known, stale={}, learning=True) if self.asked.learning else known

    def result(self, item: RuleItem) -> RuleResult:
        """The result of an item; runs its shard when it is the first of it."""
        key = (item.group, item.shard)
        if key not in self.shards:
            rules = self.rules.get(key, [item.rule])
            self.shards[key] = self._judge(item, rules)
        return self.shards[key][item.rule]

    def _judge(self, item: RuleItem, rules: list[str]) -> dict[str, RuleResult]:
        try:
            bench = self.bench
        except (LabError, SubjectError, KernelError) as error:
            return {rule: RuleResult(rule, "error", str(error)) for rule in rules}
        results = {
            rule: RuleResult(rule, "n/a", why) for rule in rules if (why := bench.lacks(catalogue()[rule]))
        }
        stale = {rule: why for rule, why in bench.expected.stale.items() if rule in rules}
        results |= {rule: RuleResult(rule, "fail", why) for rule, why in stale.items()}
        left = [rule for rule in rules if rule not in results]
        if bench.broken:
            broken = {rule for rule in left if catalogue()[rule].family == "UNPACK" or item.family.unpacks}
            results |= {rule: RuleResult(rule, "error", bench.broken) for rule in broken}
            left = [rule for rule in left if rule not in broken]
        judged = run_shard(item.family, item.group, item.shard, left, bench) if left else {}
        return results | {rule: bench.expected.applied(result) for rule, result in judged.items()}

    def about(self) -> dict[str, str]:
        """What the run is about, as far as it could be opened."""
        return about(self._bench) if isinstance(self._bench, Bench) else {}

    def close(self) -> None:
        if isinstance(self._bench, Bench):
            self._bench.lab.close()


SESSION = pytest.StashKey[Session]()


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> FamilyNode | None:
    if isinstance(obj, Family):
        node: FamilyNode = FamilyNode.from_parent(collector, name=name, family=obj)
        return node
    return None


class FamilyNode(pytest.Collector):
    """A family in a suite file."""

    def __init__(self, *, family: Family, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.family = family

    def collect(self) -> Iterator[RuleItem]:
        for shard in range(self.family.shards):
            for rule in self.family.rules:
                yield RuleItem.from_parent(self, name=f"{rule}[{shard}]", rule=rule, shard=shard)


class RuleItem(pytest.Item):
    """One rule, judged on the cases of one shard."""

    def __init__(self, *, rule: str, shard: int, parent: FamilyNode, **kwargs: Any) -> None:
        super().__init__(parent=parent, **kwargs)
        self.family = parent.family
        self.rule = rule
        self.shard = shard
        # The file's own name, not its path: the seed has to be the same from a checkout and a wheel.
        self.group = f"{self.path.parent.name}/{self.path.stem}::{parent.name}"

    def runtest(self) -> None:
        result = self.config.stash[SESSION].result(self)
        self.user_properties.append((PROPERTY, json.dumps(result.to_json())))
        self.user_properties.append((ABOUT, json.dumps(self.config.stash[SESSION].about())))
        if result.verdict in ("fail", "error"):
            raise RuleBroken(result)
        if result.verdict in ("unverified", "n/a"):
            pytest.skip(f"{result.verdict}: {result.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RuleBroken):
            return failure_text(excinfo.value.result)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, f"{self.rule} ({catalogue()[self.rule].title})"


class RuleBroken(Exception):
    """A rule that failed, or could not be judged for a fault of the harness."""

    def __init__(self, result: RuleResult) -> None:
        super().__init__(result.rule)
        self.result = result


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    session = config.stash[SESSION]
    kept, dropped = [], []
    for item in items:
        if isinstance(item, RuleItem) and item.rule not in session.selected:
            dropped.append(item)
        else:
            kept.append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    ours = session.config.stash[SESSION]
    for item in session.items:
        if isinstance(item, RuleItem):
            ours.rules.setdefault((item.group, item.shard), []).append(item.rule)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[SESSION].close()
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or session.config.getoption("dirmeta_allow_unverified"):
        return
    skipped = reporter.stats.get("skipped", [])
    if exitstatus == pytest.ExitCode.OK and any(_verdict(report) == "unverified" for report in skipped):
        session.exitstatus = 4


def result_of(report: pytest.TestReport) -> RuleResult | None:
    """The result that an item's report carries, or None for ordinary tests."""
    data = _carried(report, PROPERTY)
    return RuleResult.from_json(data) if data else None


def about_of(report: pytest.TestReport) -> dict[str, str]:
    """What the run was about, by the same report."""
    return _carried(report, ABOUT)


def _carried(report: pytest.TestReport, name: str) -> dict[str, Any]:
    text = next(
        (value for key, value in report.user_properties if key == name and report.when == "call"), "{}"
    )
    data: dict[str, Any] = json.loads(str(text))
    return data


def _verdict(report: pytest.TestReport) -> str:
    result = result_of(report)
    return result.verdict if result else ""
