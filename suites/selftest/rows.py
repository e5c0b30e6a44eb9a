"""Jobs that the agent in C and the executor in Python have to answer alike, on each kernel."""

from __future__ import annotations

from itertools import islice
from typing import Any

from dirmeta.generate import programs
from dirmeta.generate.packing import pack
from dirmeta.judge.draw import Batch, Scope, feed, one_by_one
from dirmeta.judge.experiments import Conditions
from dirmeta.judge.families import families
from dirmeta.judge.programs import operated
from dirmeta.labs.base import Lab
from dirmeta.labs.native.jobs import takes
from dirmeta.model.limits import Limits
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node, Tree
from dirmeta.observe.steps import Job, Layout, Mount, Operate, Outcome, Result, Step, Walk

LOWER: Tree = {
    "": Node("directory", 0o777),
    "d": Node("directory", 0o2775, 7, 8, -1_500_000_001, (("user.a", b"\0\xff"), ("trusted.t", b"t"))),
    "d/f": Node("file", 0o644, 7, 8, 1, (), b"content"),
    "d/g": Node("directory", 0o755, 7, 8, 2),
    "l": Node("symlink", 0o777, target="d"),
    "p": Node("fifo", 0o666),
    "closed": Node("directory", 0o700, 7, 8, 3),
    "t": Node("directory", 0o1777, 0, 0, 4),
    "t/of-7": Node("directory", 0o755, 7, 7, 5),
}
ACTORS = {
    "the mounter": Credentials(),
    "the owner": Credentials(7, 7),
    "a member": Credentials(9, 9, (8, 10)),
    "another root group": Credentials(0, 8),
    "weak": Credentials(drop=("CAP_DAC_OVERRIDE", "dac_read_search", "fowner", "chown", "fsetid")),
    "weak in others": Credentials(drop=("sys_admin", "setgid", "setuid", "setpcap")),
    "a stranger": Credentials(4711, 4711),
    "weak and in a group twice": Credentials(groups=(0,), drop=("CAP_DAC_OVERRIDE", "fowner")),
}
EVERY_CALL: tuple[tuple[str, str, *tuple[Any, ...]], ...] = (
    ("access", "m/closed", 1), ("access", "m/d/f", 2), ("access", "m/none", 0), ("read", "m/d"),
    ("read", "m/d/f"), ("read", "m/l"), ("read", "m/p"), ("read", "m/closed"), ("read", "m/no"),
    ("listxattr", "m/d"), ("listxattr", "m/d/f"), ("getxattr", "m/d", "user.a"),
    ("getxattr", "m/d", "trusted.t"), ("setxattr", "m/d", "user.b", "\udcff"),
    ("setxattr", "m/d", "user.c", b"\0\xff"), ("listxattr", "m/d"), ("setxattr", "m/d", "trusted.u", b""),
    ("removexattr", "m/d", "user.a"), ("removexattr", "m/d", "user.none"), ("hold", "m/d", 0),
    ("hold", "m/d/f", 1), ("hold", "m/closed", 1), ("fstat", "", 0), ("fchmod", "", 0, 0o2770),
    ("fstat", "", 0), ("fstat", "", 1), ("fchmod", "", 1, 0o755), ("fstat", "", 2), ("hold", "m/t", 0),
    ("fstat", "", 0), ("access", "m/l", 1), ("chmod", "m/l", 0o700),
    ("chmod", "m/d", 0o6775), ("chmod", "m/t/of-7", 0o2711),
    ("chmod", "m/t/of-7", 0o755), ("chown", "m/d/g", -1, 8), ("chown", "m/d/f", 9, -1),
    ("chown", "m/l", 1, 2), ("chown", "m/d", -1, -1), ("utimens", "m/d", 1, -2),
    ("utimens", "m/l", -1_000_000_001, 5), ("utimens", "m/d/g"), ("utimens", "m/p"),
    ("mkdir", "m/d/n", 0o7755), ("mkdir", "m/t/n", 0o755), ("create", "m/t/n/f", 0o6640),
    ("create", "m/d/f", 0o644), ("create", "m/t/\udcff", 0o600), ("write", "m/t/\udcff", "\udcfe text"),
    ("write", "m/d/f", "longer text"), ("write", "m/l", ""), ("write", "m/d", "x"),
    ("write", "m/none", "x"), ("symlink", "m/t/s", "\udcff"), ("symlink", "m/t/s", "f"),
    ("link", "m/d/f", "m/t/h"), ("link", "m/l", "m/t/hl"), ("link", "m/d", "m/t/hd"),
    ("rename", "m/t/n/f", "m/t/moved"), ("rename", "m/t/n", "m/t/of-7"),
    ("rename", "m/t/n", "m/t/s", "noreplace"), ("rename", "m/t/n", "m/t/s", "exchange"),
    ("rename", "m/d/g", "m/t/g"), ("rmdir", "m/t/of-7"), ("rmdir", "m/d"), ("unlink", "m/t/s"),
    ("unlink", "m/t/moved"), ("unlink", "m/d/f"), ("unlink", "m/none"), ("drop-caches", ""),
)  # fmt: skip


OF_THEIR_OWN = (".overlay.origin", ".overlay.uuid")
"""Xattrs with values that are drawn anew for each file system and mount."""


def mounted(limits: Limits) -> tuple[Step, ...]:
    """`LOWER` and a mount of it, as far as a lab with these limits can have them."""
    if limits.trusted:
        return Layout("l1", LOWER), Mount("m", ("l1",), "upper")
    mine = {
        path: node._replace(
            uid=0, gid=0, xattrs=tuple(pair for pair in node.xattrs if pair[0].startswith("user."))
        )
        for path, node in LOWER.items()
    }
    return Layout("l1", mine), Mount("m", ("l1",), "upper", (("userxattr", ""),))


def every_call(by: Credentials, limits: Limits) -> Job:
    """Each operation by somebody; on a kernel that is not the lab's own, no caches are dropped."""
    calls = (Operate(call, path, tuple(args), by) for call, path, *args in EVERY_CALL)
    fit = (each for each in calls if limits.caches or each.call != "drop-caches")
    return Job((*mounted(limits), *fit, Walk("m"), Walk("upper")))


def merging_jobs(lab: Lab, count: int) -> list[Job]:
    """The jobs of some packs of merged layers, as a run has them done."""
    family = families()["merge/test_source::source"]
    assert not isinstance(family.draws, Scope)
    batches: list[Batch] = []
    feed(family.draws(lab.limits, family.pack), count, 7, batches.append)
    return [next(family.does(pack(batch), Conditions(log=True))) for batch in batches]


def program_jobs(lab: Lab, count: int) -> list[Job]:
    """Jobs of some programs that the agent in C takes (a cramped upper it does not make), as a run has them
    done; most operations are by others than the mounter."""
    limits, feature = lab.limits, lab.claims_feature
    conditions = Conditions(feature=feature, delegate=feature, refused=limits.refused, escapes=limits.escapes)
    batches: list[Batch] = []
    draws = one_by_one(lambda limits: programs.cases(limits, mounter=3))
    feed(draws(limits, 1), 2 * count, 7, batches.append)
    jobs = (next(operated(case, conditions)) for batch in batches for case in batch)
    return list(islice(filter(takes, jobs), count))


def comparable(found: list[list[Result]], since: int) -> list[list[object]]:
    """Results without times that the clock has set since then, what is drawn anew, and what others log."""
    return [[_comparable(result, since) for result in row] for row in found]


def _comparable(result: Result, since: int) -> object:
    if isinstance(result, dict):
        return {path: _lasting(node, since) for path, node in result.items() if isinstance(node, Node)}
    if isinstance(result, list):
        return "a log"
    if isinstance(result, Outcome) and isinstance(result.value, tuple):
        return result.errno, [text for text in result.value if not text.isdigit() or int(text) < since]
    return result


def _lasting(node: Node, since: int) -> Node:
    xattrs = tuple((name, b"" if name.endswith(OF_THEIR_OWN) else value) for name, value in node.xattrs)
    clocked = node.mtime is not None and node.mtime >= since
    return node._replace(mtime=None if clocked else node.mtime, xattrs=xattrs)
