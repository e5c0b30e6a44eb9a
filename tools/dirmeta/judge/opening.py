"""From what was asked for to a bench that shards can be run on."""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import dataclass

from dirmeta import labs, subjects
from dirmeta.generate.exhaustive import counts
from dirmeta.judge.bench import FACTOR, Bench, Profile
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.smoke import smoke
from dirmeta.labs.base import Lab
from dirmeta.labs.disks import DISKS
from dirmeta.labs.garbage import collect_seldom
from dirmeta.labs.images import PACKERS
from dirmeta.model.limits import Limits
from dirmeta.model.mountoptions import OPTIONS, words
from dirmeta.model.semantics import Policies, PolicyError
from dirmeta.rules.catalogue import Rule, SelectionError, catalogue, select
from dirmeta.rules.registry import Terms
from dirmeta.subjects.base import Subject


class UsageError(ValueError):
    """Something was asked for that does not exist: exit status 2."""


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for; the fields are the options of `dirmeta run`.

    subject, kernel, rules: "" where not given
    seconds: for drawing, in each worker, and as many for reducing what failed
    timeout: for one call of a subject
    learning: whether what the subject deviates in becomes expected
    """

    subject: str = ""
    kernel: str = ""
    rules: str = ""
    profile: Profile = "quick"
    expect: str = ""
    policies: tuple[str, ...] = ()
    strict: bool = False
    examples: int | None = None
    seconds: float | None = None
    timeout: float = 30.0
    seed: int | None = None
    umask: str = ""
    backing: str = ""
    scratch: str = ""
    learning: bool = False

    def check(self) -> None:
        """UsageError, in one line, for whatever can be told without a lab."""
        if self.profile not in FACTOR:
            raise UsageError(f"no profile is called {self.profile!r}; there are {', '.join(FACTOR)}")
        if self.expect and self.expect not in ("topmost", "delegate"):
            raise UsageError(f"--expect {self.expect}: mounts are judged as topmost or delegate")
        try:
            labs.check(self.kernel or "host")
        except labs.UnknownLab as error:
            raise UsageError(f"--kernel: {error}") from None
        if self.umask and not re.fullmatch("0*[0-7]{1,3}", self.umask):
            raise UsageError(f"--umask {self.umask}: an octal umask like 022 is wanted")
        for name in ("examples", "seconds", "timeout"):
            number = getattr(self, name)
            if number is not None and not number > 0:  # which nan is not either
                raise UsageError(f"--{name} {number}: more than zero is wanted")
        self.terms_policies()
        self.selected()

    def terms_policies(self) -> Policies:
        """The policies, with those asked for switched."""
        policies = Policies()
        for each in self.policies:
            name, equals, value = each.partition("=")
            if not equals:
                raise UsageError(f"--policy {each}: NAME=VALUE is wanted, like fallback=lowest")
            try:
                policies = policies.switched(name, value)
            except PolicyError as error:
                raise UsageError(f"--policy {each}: {error}") from None
        return policies

    def selected(self) -> dict[str, Rule]:
        """The rules to judge: those asked for, else those that the subject or kernel given is about."""
        try:
            if self.rules:
                return select(glob.strip() for glob in self.rules.strip(", ").split(","))
        except SelectionError as error:
            raise UsageError(f"--rules: {error}") from None
        families = self._families()
        return {name: rule for name, rule in catalogue().items() if rule.checked and rule.family in families}

    def _families(self) -> tuple[str, ...]:
        if self.subject and not self.kernel:
            return ("UNPACK",)
        if self.kernel and not self.subject:
            return ("MERGE", "COMPAT", "ACCESS", "COPYUP", "PARITY")
        return ("UNPACK", "MERGE", "COMPAT", "ACCESS", "COPYUP", "PARITY")


def open_subject(wanted: Wanted) -> Subject:
    """The subject; UsageError where none is called so, SubjectError where it can not be had."""
    try:
        return subjects.subject(wanted.subject or "reference", timeout=wanted.timeout)
    except subjects.UnknownSubject as error:
        raise UsageError(str(error)) from None


def open_bench(wanted: Wanted, subject: Subject) -> Bench:
    """A bench with a running lab; LabError where it can not be had. Garbage is collected seldom then."""
    collect_seldom()
    try:
        lab = labs.lab(wanted.kernel or "host", labs.Wanted(subject, wanted.backing, wanted.scratch))
    except labs.UnknownLab as error:
        raise UsageError(str(error)) from None
    try:
        return bench_on(lab, wanted, subject)
    except BaseException:
        lab.close()
        raise


def bench_on(lab: Lab, wanted: Wanted, subject: Subject) -> Bench:
    """A bench with a lab that runs already."""
    delegate = wanted.expect == "delegate" or (lab.claims_feature and wanted.expect != "topmost")
    policies = wanted.terms_policies()
    mounts = {"feature" if delegate else "no-feature"}
    mounts |= {"two-kernels"} if lab.claims_feature else set()
    mounts |= {"two-namespaces"} if len(lab.limits.namespaces) > 1 else set()
    redirects = any(
        (each, ("redirect_dir", "on")) not in lab.limits.refused for each in lab.limits.namespaces
    )
    mounts |= {"redirects"} if redirects else set()
    mounts |= {"several-ids"} if lab.limits.ids is None or len(lab.limits.ids) > 1 else set()
    mounts |= {"two-backings"} if len(lab.limits.backings) > 1 or lab.limits.frozen else set()
    unpacks = subject.claims | ({"escaped-xattrs"} if lab.limits.escapes else set())
    now = time.monotonic()
    return Bench(
        lab,
        Terms(delegate, policies, subject.claims, subject.keeps, granularity=lab.limits.mtime[2]),
        Conditions(
            feature=lab.claims_feature,
            delegate=delegate,
            log=lab.log_readable,
            backings=lab.limits.backings,
            frozen=lab.limits.frozen,
            initial=lab.limits.trusted,
            escapes=lab.limits.escapes,
            refused=lab.limits.refused,
            policies=policies,
        ),
        unpacks=unpacks,
        mounts=frozenset(mounts),
        subject=subject.name,
        version=subject.version,
        kernel=wanted.kernel or "host",
        profile=wanted.profile,
        strict=wanted.strict,
        seed=wanted.seed or 0,
        examples=wanted.examples,
        deadline=now + wanted.seconds if wanted.seconds else None,
        reduce_until=now + 2 * wanted.seconds if wanted.seconds else None,
        umask=int(wanted.umask, 8) if wanted.umask else None,
        again=again(wanted),
        broken=smoke(subject, lab),
    )


def about(bench: Bench) -> dict[str, str]:
    """What a run was about, in words, by name, in the order to print."""
    semantics = "delegate" if bench.terms.delegate else "topmost"
    if bench.lab.claims_feature == bench.terms.delegate:
        accepts = "accepts" if bench.lab.claims_feature else "does not know"
        reason = f"the kernel {accepts} the mount option dirmeta_delegate"
    else:
        reason = "as --expect has it"
    limits = bench.lab.limits
    remark = f" ({bench.lab.remark})" if bench.lab.remark else ""
    marks = " and ".join(f"{namespace}.*" for namespace in limits.namespaces)
    refused = _refused(limits)
    log = "" if bench.conditions.log else "; its log can not be read here, and is not judged"
    two, three, all_three = counts().two, counts().three, counts().three_unreduced
    part = "all" if bench.profile == "full" and not bench.examples else "a sample"
    return {
        "subject": " ".join([bench.subject, bench.version]).strip(),
        "kernel": f"{bench.kernel} {bench.lab.kernel}{remark}, judged as {semantics}: {reason}{log}",
        "layers": f"on {_places(limits)}; marks in {marks}",
        "races": _taking_turns(limits),
        **({"options": f"refused by this kernel: {refused}"} if refused else {}),
        "scope": f"{part} of {two:,} stacks of up to two layers, {three:,} of three (for {all_three:,})",
    }


def _taking_turns(limits: Limits) -> str:
    """What races between processes are worth here, in words."""
    if limits.processors > 1:
        return f"on {limits.processors} processors"
    return "on one processor, where only what puts a process off lets another in"


def _places(limits: Limits) -> str:
    """The file systems that layers lie on, and those that they can not, in words."""
    here = (*limits.backings, *limits.frozen)
    missing = [kind for kind in (*DISKS, *PACKERS) if kind not in here]
    return ", ".join(here) + (f", not {' or '.join(missing)}" if missing else "")


def _refused(limits: Limits) -> str:
    """The mount options that are refused in every namespace, in words."""
    return ", ".join(
        words(option) for option in OPTIONS
        if all((namespace, option) in limits.refused for namespace in limits.namespaces)
    )  # fmt: skip


def again(wanted: Wanted) -> str:
    """The command that repeats one case, as one pastes it into a shell, with {id} for the case."""
    words: list[object] = []
    words += ["--subject", wanted.subject] if wanted.subject else []
    words += ["--kernel", wanted.kernel] if wanted.kernel else []
    words += ["--expect", wanted.expect] if wanted.expect else []
    for each in wanted.policies:
        words += ["--policy", each]
    words += ["--backing", wanted.backing] if wanted.backing else []
    words += ["--scratch", wanted.scratch] if wanted.scratch else []
    words += ["--timeout", f"{wanted.timeout:g}"] if wanted.timeout != Wanted.timeout else []
    words += ["--strict"] if wanted.strict else []
    quoted = (shlex.quote(str(word)).replace("{", "{{").replace("}", "}}") for word in words)
    return " ".join(("dirmeta replay {id}", *quoted))


def release(kernel: str) -> tuple[int, int]:
    """(6, 18) of ``6.18.44-fc``."""
    numbers = [int(part) for part in re.findall(r"\d+", kernel)[:2]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)
