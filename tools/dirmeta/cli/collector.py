"""Runs pytest on the suites and puts its results together."""

from __future__ import annotations

import io
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import pytest

from dirmeta import __version__, locations
from dirmeta.judge import regression_files
from dirmeta.judge.families import JUDGING
from dirmeta.judge.opening import UsageError, Wanted
from dirmeta.judge.results import Report, RuleResult, together
from dirmeta.labs.base import LabError
from dirmeta.options import arguments
from dirmeta.plugin import about_of, result_of
from dirmeta.reports.progress import Progress
from dirmeta.rules.catalogue import CLAIMED, catalogue
from dirmeta.sandbox.interrupts import held_back

Settled = Callable[[RuleResult, Mapping[str, str]], None]
"""Told a rule's result once it is final, and what the run is about."""


def unheard(result: RuleResult, about: Mapping[str, str]) -> None:
    """For who waits for the report."""


def judge(asked: Wanted, values: dict[str, Any], workers: str, settled: Settled = unheard) -> Report:
    """Run the rules asked for on some workers; one result a rule, each told as soon as it is settled."""
    began = time.monotonic()
    regression_files.every()  # or else pytest would be told what is wrong with one, and the user not
    profile: str = asked.profile
    if asked.profile == "full" and asked.seed is None:
        values = {**values, "seed": secrets.randbelow(1 << 31)}
    if values.get("seed") is not None:
        profile += f"; --draw {values['seed']} repeats these cases"

    def about() -> dict[str, str]:
        return {"dirmeta": __version__, **collector.about, "profile": profile}

    collector = Collector(Progress(), asked.selected(), lambda result: settled(result, about()))
    suites = locations.suites()
    words = [str(suites / name) for name in JUDGING]
    words += ["-p", "dirmeta.plugin", "-p", "xdist.plugin", "-p", "no:cacheprovider", "-q"]
    words += ["-c", os.devnull, f"--rootdir={suites.parent}", f"--confcutdir={suites}"]
    # A worker that is lost is an error; xdist waits for ever where it restarts one of a scope.
    words += [*arguments(values), "-n", workers, "--max-worker-restart=0"]
    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(output), _alone():
            status = pytest.main(words, plugins=[collector])
    finally:
        collector.progress.clear()
        if collector.interrupted:  # which pytest tells by a status, or else fails at telling about
            raise KeyboardInterrupt
    if not collector.results:
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise UsageError(f"--rules {asked.rules}: no rule that matches has a check in this version")
        raise LabError(f"pytest ended with {status} and no result: {_last_line(output.getvalue())}")
    collector.give_up_waiting()
    results = [_result(rule, collector.results.get(rule, [])) for rule in asked.selected()]
    return Report(about(), tuple(results), time.monotonic() - began)


@contextmanager
def _alone() -> Iterator[None]:
    """Without other people's pytest plugins and settings: they have no say in a verdict."""
    before = dict(os.environ)
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Collector:
    """A pytest plugin that gathers results from reports, xdist's included."""

    def __init__(
        self, progress: Progress, rules: Iterable[str], settled: Callable[[RuleResult], None]
    ) -> None:
        self.progress = progress
        self.unsettled = list(rules)
        self.settled = settled
        self.results: dict[str, list[RuleResult]] = defaultdict(list)
        self.about: dict[str, str] = {}
        self.total = 0
        self.awaited: set[str] = set()
        self.interrupted = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        self.interrupted = True

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Iterator[None]:
        """Start the workers with Ctrl-C held back: they take it once they are able to end in order."""
        with held_back():
            return (yield)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._await([item.nodeid for item in session.items])

    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        if not self.total:  # every worker collects the same
            self._await(ids)

    def _await(self, names: list[str]) -> None:
        self.total = len(names)
        self.awaited = set(names)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = result_of(report)
        if result is None and report.failed:
            result = RuleResult(_rule(report.nodeid), "error", _last_line(report.longreprtext))
        if result is not None:
            self.awaited.discard(report.nodeid)
            self.results[result.rule].append(result)
            self.about |= about_of(report)
            self.progress.tell(self.total - len(self.awaited), self.total, result.rule, result.verdict)
            self._settle()

    def give_up_waiting(self) -> None:
        """What was collected and never reported is an error: its worker process was lost."""
        for name in self.awaited:
            self.results[_rule(name)].append(RuleResult(_rule(name), "error", "its worker process was lost"))
        self.awaited.clear()
        self._settle()

    def _settle(self) -> None:
        """Tell the rules that nothing is awaited for any more."""
        awaited = {_rule(name) for name in self.awaited}
        for rule in [rule for rule in self.unsettled if rule not in awaited]:
            self.unsettled.remove(rule)
            self.settled(_result(rule, self.results.get(rule, [])))


def _rule(name: str) -> str:
    """``MERGE-INO`` of ``suites/merge/test_unchanged.py::identity::MERGE-INO[0]``."""
    return name.rpartition("::")[2].partition("[")[0]


def _result(rule: str, results: list[RuleResult]) -> RuleResult:
    if results:
        return together(rule, results)
    about = catalogue()[rule]
    if missing := about.lacks(CLAIMED):  # nothing to judge, nothing missed
        return RuleResult(rule, "n/a", f"the subject {missing}")
    return RuleResult(rule, "unverified", "no check in this version" if not about.checked else "not run")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it wrote nothing")
