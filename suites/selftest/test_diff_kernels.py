"""Two kernels beside each other: what differs is explained, or found and made minimal."""

import errno
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from dirmeta.judge.comparing import Compared, compare
from dirmeta.judge.comparisons import Comparison, Moved, Unmarked
from dirmeta.judge.opening import Wanted
from dirmeta.judge.sides import Side, Sides, conditions, shared
from dirmeta.labs.base import Lab, LabError, Misbehaviour
from dirmeta.labs.host import HostLab
from dirmeta.labs.model import ModelLab
from dirmeta.model import codec, paths
from dirmeta.model.limits import Limits, common
from dirmeta.model.lookup import Merger
from dirmeta.model.stack import Case
from dirmeta.model.tree import Tree
from dirmeta.observe.steps import Failure, Job, Layout, Mount, Result, Step
from dirmeta.reports.kernels import comparison_json, comparison_text

from .miniatures.both import moves
from .miniatures.lying import Kernel, LyingLab

SOME = Wanted(examples=64)


class StockLab(ModelLab):
    """A model of a kernel without the feature: of one that has it off, without being asked."""

    def __init__(self, merger: type[Merger] = Merger) -> None:
        super().__init__(merger, delegate=False)

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        return super().run([replace(job, steps=tuple(map(_off, job.steps))) for job in jobs])


def _off(step: Step) -> Step:
    off = (("dirmeta_delegate", "off"),)
    return step._replace(options=step.options + off) if isinstance(step, Mount) else step


class OpensOneName(Kernel):
    """Lets everyone into directories of one name."""

    def walked(self, at: str, seen: Tree) -> Tree:
        return {
            path: node._replace(mode=0o777)
            if node.kind == "directory" and paths.basename(path) == "b"
            else node
            for path, node in seen.items()
        }


class RefusesPipes(Kernel):
    """Does not mount a layer that has a fifo."""

    def mounted(self, step: Mount) -> Failure | None:
        kinds = {node.kind for tree in self.laid.values() for node in tree.values()}
        return Failure(errno.EINVAL, "Invalid argument: m") if "fifo" in kinds else None


class PanicsOnPipes(ModelLab):
    """A kernel that does not survive a fifo."""

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        laid = (step.tree for job in jobs for step in job.steps if isinstance(step, Layout))
        if any(node.kind == "fifo" for tree in laid for node in tree.values()):
            raise Misbehaviour("panic", "Kernel panic: a pipe", ("Kernel panic: a pipe", "Call Trace:"))
        return super().run(jobs)


@pytest.fixture(scope="module")
def host() -> Iterator[Lab]:
    try:
        lab = HostLab()
    except LabError as error:
        pytest.skip(str(error))
    with lab:
        yield lab


def sides(a: Lab, b: Lab) -> Sides:
    first, second = (
        Side(letter, letter.lower(), lab, conditions(lab, SOME))
        for letter, lab in zip("AB", (a, b), strict=True)
    )
    return Sides(first, second, shared(first, second))


def compared(a: Lab, b: Lab, comparison: Comparison) -> Compared:
    [result] = compare(sides(a, b), SOME, comparisons=[comparison])
    return result


def witness(result: Compared) -> Case:
    return codec.from_json(result.deviations[0].case)


@pytest.mark.parametrize("comparison", [Unmarked(), Moved()])
def test_a_kernel_differs_from_itself_in_nothing(host: Lab, comparison: Comparison) -> None:
    result = compared(host, host, comparison)
    assert (result.explained, result.differing) == (0, 0)
    assert result.alike >= 64


def test_delegation_is_explained() -> None:
    result = compared(StockLab(), ModelLab(), Moved())
    assert result.differing == 0
    assert result.explained > result.alike / 4 > 0


def test_a_difference_at_one_name_is_reduced_to_it(host: Lab) -> None:
    result = compared(host, LyingLab(host, OpensOneName), Unmarked())
    [deviation] = [each for each in result.deviations if each.what == "mode as mounted"]
    assert paths.basename(deviation.where) == "b"
    assert [label for label, _ in deviation.lines] == ["A", "B"]
    assert deviation.lines[1][1].startswith("0777 ")
    assert (len(witness(result).stack), sum(map(len, witness(result).stack))) == (1, 1)


@pytest.mark.parametrize("name", moves)
def test_kernels_that_do_not_follow_their_rule_are_found(name: str) -> None:
    model = moves[name].defect
    a, b = (LyingLab(lab(model.merger), model.kernel) for lab in (StockLab, ModelLab))
    result = compared(a, b, Moved())
    assert result.differing > 0
    assert len(witness(result).stack) <= 2 and sum(map(len, witness(result).stack)) <= 3


def test_what_one_case_does_to_a_pack_is_not_told_of_the_others() -> None:
    result = compared(ModelLab(), LyingLab(ModelLab(), RefusesPipes), Moved())
    assert [each.what for each in result.deviations] == ["mounting"]
    assert sum(map(len, witness(result).stack)) == 1
    assert result.alike > result.differing > 0


def test_a_kernel_that_breaks_down_is_a_difference() -> None:
    result = compared(ModelLab(), PanicsOnPipes(), Moved())
    [deviation] = result.deviations
    assert deviation.lines == (("A", "goes on"), ("B", "panic: Kernel panic: a pipe"))
    assert deviation.log == ("Kernel panic: a pipe", "Call Trace:")
    assert sum(map(len, witness(result).stack)) == 1
    assert result.alike + result.explained > 0


def test_both_reports_have_the_witness() -> None:
    results = [compared(ModelLab(), PanicsOnPipes(), Moved())]
    again = "dirmeta diff-kernels a b --case {id}"
    number = results[0].deviations[0].id
    assert again.format(id=number) in comparison_text({"A": "a"}, results, again, 1.0)
    data = json.loads(comparison_json({"A": "a"}, results, 1.0))
    assert data["exit"] == 1
    assert codec.case_id(codec.from_json(data["rules"][0]["deviations"][0]["case"])) == number


def test_cases_are_such_that_both_can_do_them() -> None:
    one = Limits(("trusted", "user"), ids=None, backings=("tmpfs", "ext4"), mtime=(-5, 9, 1))
    other = Limits(("user",), ids=(0, 7), devices=False, backings=("ext4",), mtime=(0, 20, 100))
    both = common(one, other)
    assert both == common(other, one)
    assert both == Limits(("user",), ids=(0, 7), devices=False, backings=("ext4",), mtime=(0, 9, 100))


def test_a_mounter_in_a_user_namespace_is_not_held_against_root() -> None:
    root, user = ModelLab(), ModelLab(limits=Limits(("user",), trusted=False))
    with pytest.raises(LabError, match="b mounts in a user namespace here"):
        sides(root, user)


def test_kernels_without_a_common_file_system_are_not_compared() -> None:
    labs = (ModelLab(limits=Limits(backings=(name,))) for name in ("tmpfs", "ext4"))
    with pytest.raises(LabError, match="a has tmpfs; b has ext4"):
        sides(*labs)
