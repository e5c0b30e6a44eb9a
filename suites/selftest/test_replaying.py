"""One case again: programs that can not be done, here or anywhere, and what is said of them."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Sequence

import pytest

from dirmeta.cli.replay import read
from dirmeta.judge import replaying
from dirmeta.judge.bench import Bench
from dirmeta.judge.experiments import BUSY, Conditions
from dirmeta.judge.opening import UsageError
from dirmeta.judge.replaying import fitted, fitting, judge_case
from dirmeta.judge.results import RuleResult, exit_status
from dirmeta.labs.base import Lab, LabError
from dirmeta.labs.model import ModelLab
from dirmeta.model import listing, rehearsal
from dirmeta.model.limits import Limits
from dirmeta.model.mounted import How
from dirmeta.model.stack import Case, Credentials
from dirmeta.model.writer import Writer
from dirmeta.observe.steps import Failure, Job, Operate, Result, Step, Unmount
from dirmeta.rules.catalogue import catalogue
from dirmeta.rules.operated import ProgramSeen
from dirmeta.rules.racing import RaceSeen, RacesSeen
from dirmeta.rules.registry import Terms

NARROW = Limits(namespaces=("user",), ids=(0, 3), devices=False, trusted=False, acls=False)
"""What an ordinary user's lab can do."""
DEVICES = "layer 1  tape char 9:0\n         disk block 8:0\n         f"


def then(*operations: str, layers: str = "layer 1  a/f") -> Case:
    return listing.parse("\n".join((layers, *(f"then {each}" for each in operations))))


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ("explode a", "there is no operation 'explode'; there are create, "),
        ("chmod a", "chmod takes path mode; mode is missing"),
        ("chmod a mode=0755 flags=x", "chmod takes path mode, not flags"),
        ("chmod a mode=x", "chmod: mode is a number, not 'x'"),
        ("chmod a mode=012345", "chmod: mode 12345 has more than twelve bits"),
        ("chmod a mode=0755 mode=0700", "chmod: an argument is given twice"),
        ("chmod ../a mode=0755", "chmod: path '../a' leads out of the mount"),
        ("chmod /a mode=0755", "chmod: path '/a' is not a clean path like a/b"),
        ('chmod "a\\x00" mode=0755', "chmod: path a\\x00 holds a NUL"),
        (f"mkdir {'n' * 256} mode=0755", "mkdir: path nnnnnnnnnnnnnnnnnnnn… has a name over 255 bytes in it"),
        ('symlink b target=""', "symlink: target is empty"),
        ("rename a to=b flags=whiteout", "rename: flags is noreplace or exchange, not 'whiteout'"),
        ("access a bits=8", "access: bits 8 is not from 0 to 7"),
        ("chown a uid=4294967295", "chown: uid 4294967295 is not from 0 to 4294967294"),
        ("setacl a acl=u::rw", "setacl: 'u::rw' is not an ACL line like u:7:r-x"),
        ("remount access=rw as 7:7", "remount is done by the mounter; it takes no credentials"),
        ("chmod a mode=0755 without fly", "'fly' is no capability; they are written like dac_override"),
        (
            "chmod a mode=0755 without CAP_FOWNER",
            "'CAP_FOWNER' is no capability; they are written like dac_override",
        ),
        ("chmod a mode=0755 as 4294967295:0", "4294967295 is no uid or gid; the greatest is 4294967294"),
    ],
)
def test_an_impossible_operation_is_named_by_its_number(operation: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        read(f"layer 1 a/f\nthen chmod a mode=0755\nthen {operation}")
    assert str(error.value).startswith(f"operation 2: {says}")
    assert "\n" not in str(error.value)


def test_json_with_an_impossible_operation_is_refused_too() -> None:
    program = [{"op": "chmod", "args": [["path", "a"], ["mode", "0755"]]}]
    with pytest.raises(UsageError, match=r"^operation 1: chmod: mode is a number, not '0755'$"):
        read(json.dumps({"dirmeta": 1, "stack": [[]], "program": program}))


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ("chmod a mode=0755 as 7:3", "nobody can be 7:3 here; run it as root"),
        ("chmod a mode=0755 as 3:3,0", "nobody can be in further groups here; run it as root"),
        ("chown a uid=7", "nothing can belong to that owner here; run it as root"),
        ("setacl a acl=u::rwx,g::---,o::---", "nothing can have an ACL here; run it as root"),
        ("setxattr a name=trusted.x value=y", "nobody can set trusted.* xattrs here; run it as root"),
        ("drop-caches", "that takes a kernel of one's own, as --kernel uml:6.12 gives"),
        (f"utimens a mtime={1 << 70}", "the file system here holds no such time"),
    ],
)
def test_what_a_lab_can_not_do_is_wrong_usage_there(operation: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        fitted(then("chmod a mode=0755", operation), NARROW)
    said = str(error.value)
    assert said.startswith(f"this case can not be done here: operation 2, {operation.split(maxsplit=1)[0]}")
    assert said.endswith(f": {says}")


def test_options_that_the_kernel_refuses_are_wrong_usage_there() -> None:
    limits = Limits(refused=(("trusted", ("redirect_dir", "on")),))
    case = then("chmod a mode=0755", layers="setup option redirect_dir=on\nlayer 1  a/f")
    with pytest.raises(
        UsageError, match=r"overlayfs refuses redirect_dir=on in mounts that read trusted\.\*"
    ):
        fitted(case, limits)


def test_a_backing_that_there_is_not_is_wrong_usage() -> None:
    case = then("chmod a mode=0755", layers="setup backing=xfs\nlayer 1  a/f")
    assert fitted(case, Limits(backings=("tmpfs", "xfs"))).setup.backing == "xfs"
    with pytest.raises(UsageError, match="there is no backing xfs; there is ext4"):
        fitted(case, Limits(backings=("ext4",)))
    plain = then("chmod a mode=0755")
    assert fitted(plain, Limits(backings=("ext4",))).setup.backing == "ext4"


@pytest.mark.parametrize("operation", ["remount", "swap"])
def test_nothing_is_remounted_while_processes_are_at_work(operation: str) -> None:
    case = then("hold a slot=1", operation, layers="setup raced=on\nlayer 1  a/f")
    with pytest.raises(UsageError, match=f"{operation}: processes that work at once share one mount"):
        fitted(case, Limits())


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ('rename "" to=b', "the root of the mount stays where it is"),
        ('rename a to=""', "the root of the mount stays where it is"),
        ('rmdir ""', "the root of the mount stays where it is"),
        ('setacl a acl=""', "one line each for u::, g:: and o::"),
        ("setacl a acl=u::rwx,g::r-x", "one line each for u::, g:: and o::"),
        ("setacl a acl=u::rwx,u:7:rwx,g::r-x,o::---", "has one mask"),
        ("setacl a acl=u::rwx,u:7:rwx,u:7:r--,g::r-x,m::rwx,o::---", "names a user or group once"),
    ],
)
def test_what_no_kernel_takes_is_wrong_usage(operation: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        read(f"layer 1  a/f\nthen {operation}")


@pytest.mark.parametrize(
    "operation", ["setacl a acl=u::rwx,g::---,o::---", 'removexattr a name="system.posix_acl_access"']
)
def test_acls_that_an_old_kernel_gives_nothing_nested_are_wrong_usage_there(operation: str) -> None:
    layers = "setup nested=on\nlayer 1  a/f\nlayer 2  a/g\nlayer 3  b"
    assert fitted(then(operation, layers=layers), Limits())
    with pytest.raises(UsageError, match=r"given no ACL by kernels before 6\.2"):
        fitted(then(operation, layers=layers), Limits(nested_acls=False))


@pytest.mark.parametrize("operation", ["write tape content=x", "read disk", "write g content=x"])
def test_a_device_of_this_machine_is_never_opened(operation: str) -> None:
    case = then("rename tape to=g" if " g " in operation else "read f", operation, layers=DEVICES)
    with pytest.raises(UsageError, match=r"operation 2, .*: it would open a device of this machine$"):
        fitted(case, Limits())


@pytest.mark.parametrize(
    ("setup", "layers", "refused"),
    [
        ("option index=on", "layer 1  a\n         b == a", True),
        ("option xino=on", "layer 1  a\n         b == a", False),
        ("option index=on", "layer 1  a", False),
        ("option index=on reused=on", "layer 1  c\nlayer 2  a\n         b == a", False),
    ],
)
def test_names_that_change_together_are_not_followed(setup: str, layers: str, refused: bool) -> None:
    case = then("chmod a mode=0700", layers=f"setup {setup}\n{layers}")
    if not refused:
        assert fitted(case, Limits()).program == case.program
        return
    with pytest.raises(UsageError, match="with index=on a change to one name of a lower file is one to all"):
        fitted(case, Limits())


def test_the_mode_of_a_symlink_is_not_changed_by_name() -> None:
    case = then("chmod l mode=0700", layers='layer 1  l -> "f"\n         f')
    with pytest.raises(
        UsageError, match=r"operation 1, .*: Linux changes the mode of what a symlink leads to"
    ):
        fitted(case, Limits())


@pytest.mark.parametrize("delegate", [True, False])
def test_what_an_operation_is_done_to_is_told_by_what_the_mount_is_held_to(delegate: bool) -> None:
    """Who may not write to the source has made no symlink, and may where the mark is not heeded."""
    layers = 'layer 1  a/ 0700\nlayer 2  a/ 0777 xattr trusted.overlay.dirmeta_delegate="y"\n         a/f'
    case = then("symlink a/l target=f as 9:9", "chmod a/l mode=0700", layers=layers)
    if delegate:
        assert fitted(case, Limits()).program == case.program
        return
    with pytest.raises(
        UsageError, match=r"operation 2, .*: Linux changes the mode of what a symlink leads to"
    ):
        fitted(case, Limits(delegate=False))


@pytest.mark.parametrize("race", [True, False])
def test_a_race_is_replayed_as_one(race: bool) -> None:
    case = then("chmod a mode=0755", layers=f"setup raced={'on' if race else 'off'}\nlayer 1  a/f")
    seen = {family.sees for alike in fitting(fitted(case, Limits())) for family in alike}
    assert seen == {RacesSeen if race else ProgramSeen}


class Failing(ModelLab):
    """Fails at the first step of one kind, or is lost there."""

    def __init__(self, at: type[Step], failure: Failure | LabError) -> None:
        super().__init__()
        self._at = at
        self._failure = failure

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        [job], [results] = jobs, super().run(jobs)
        at = next(number for number, step in enumerate(job.steps) if isinstance(step, self._at))
        if isinstance(self._failure, LabError):
            raise self._failure
        return [[*results[:at], self._failure]]


def judged(lab: Lab, case: Case) -> list[RuleResult]:
    terms = Terms(delegate=True, claims=frozenset({"feature"}))
    conditions = Conditions(feature=True, delegate=True)
    bench = Bench(lab, terms, conditions, mounts=frozenset({"feature"}), subject="model")
    return judge_case(fitted(case, lab.limits), list(catalogue()), bench)


def test_a_race_is_tried_until_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    case = fitted(then("chmod a mode=0711", layers="setup raced=on\nlayer 1  a/f"), Limits())
    start = rehearsal.begun(case, How(True)).mounted
    right = rehearsal.ended(case, How(True)).mounted
    torn = RaceSeen(((0,),), {"a": frozenset({(0o123, 4, 5)})}, right.view.tree, right.upper)
    tries = iter([torn._replace(looks={}), torn._replace(looks={}), torn])
    monkeypatch.setattr(replaying, "observe", lambda *_: RacesSeen(start, (case.program,), (next(tries),)))
    results = {result.rule: result for result in judged(ModelLab(), case)}
    torn_one = results["MERGE-TOGETHER"]
    assert (torn_one.verdict, torn_one.witnesses[0].saw) == ("fail", "0123 4:5 meanwhile")
    assert results["COPYUP-PRESERVE"].verdict != "fail"
    assert next(tries, None) is None


@pytest.mark.parametrize(
    ("at", "failure", "says"),
    [
        (Unmount, Failure(errno.EBUSY, "Device or resource busy: m"), BUSY),
        (Operate, Failure(errno.EPERM, "Operation not permitted"), "the lab can not do its part: "),
        (Operate, LabError("gave no answer in 120 s"), "gave no answer in 120 s"),
    ],
)
def test_a_program_that_does_not_come_to_its_end_verifies_nothing(
    at: type[Step], failure: Failure | LabError, says: str
) -> None:
    results = judged(Failing(at, failure), then("chmod a mode=0755 as 7:7", "remount"))
    results = [result for result in results if result.verdict != "n/a"]  # rules that take more of a lab
    assert {result.verdict for result in results} == {"unverified"}
    assert all(result.reason.startswith(says) for result in results)
    assert exit_status(results) == 4


def test_an_unmount_that_fails_otherwise_is_the_kernels_affair() -> None:
    results = judged(Failing(Unmount, Failure(errno.EIO, "Input/output error: m")), then("remount"))
    assert "fail" in {result.verdict for result in results}


class Counting(ModelLab):
    """Counts its jobs."""

    jobs = 0

    def run(self, jobs: Sequence[Job]) -> list[list[Result]]:
        self.jobs += len(jobs)
        return super().run(jobs)


def test_families_of_one_experiment_share_it() -> None:
    lab = Counting()
    assert len(judged(lab, then("mkdir a/d mode=0755", "rmdir a/d"))) > 10
    assert lab.jobs == 1


class ForgetsTheMode(Writer):
    """Every chmod is one to 0644."""

    def change_mode(self, who: Credentials, path: str, mode: int) -> None:
        super().change_mode(who, path, 0o644)


def test_a_finding_is_told_though_the_case_is_not_one_that_its_rule_needs() -> None:
    """Cases are made minimal until only the finding is left."""
    case = then("chmod a/f mode=0600")
    [whole] = [result for result in judged(ModelLab(), case) if result.rule == "COPYUP-CHANGE"]
    assert whole.verdict == "n/a"

    lab = ModelLab(writer=ForgetsTheMode)
    [broken] = [result for result in judged(lab, case) if result.rule == "COPYUP-CHANGE"]
    assert broken.verdict == "fail"
