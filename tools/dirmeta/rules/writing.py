"""ACCESS and COPYUP: what somebody may do on a mount, and what is there after he did it.

Every step of a program is judged from what lay in the upper before it, so that one deviation does not make
others of all that follows.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from dirmeta.model import listing, overlayfs, paths, program
from dirmeta.model.mounted import Mounted
from dirmeta.model.permission import WRITE
from dirmeta.model.stack import Operation
from dirmeta.model.tree import Node, Tree
from dirmeta.model.writer import Expected
from dirmeta.rules.findings import Difference, Finding, differences
from dirmeta.rules.operated import ProgramSeen, Stepped, stepped
from dirmeta.rules.registry import Needs, Trial, judges
from dirmeta.rules.words import describe

_CLOCK: Final = 1_600_000_000 * 1_000_000_000
"""Times later than this, in ns, that no case sets are the clock's."""
_MEANINGFUL: Final = (overlayfs.OPAQUE, overlayfs.REDIRECT, overlayfs.MARK)
"""Of overlayfs's own xattrs, those that decide what an upper means."""
_BY_PERMISSION: Final = {
    errno.EACCES: ("ACCESS-MOVE", "ACCESS-OWNER", "ACCESS-ACL", "ACCESS-DAC"),
    errno.EPERM: ("ACCESS-STICKY", "ACCESS-OWNER"),
}
_BY_CALL: Final = {
    "rename": "COPYUP-RENAME",
    "rmdir": "COPYUP-RECREATE",
    "mkdir": "COPYUP-RECREATE",
    "setxattr": "COPYUP-CHANGE",
    "removexattr": "COPYUP-CHANGE",
    "setacl": "COPYUP-CHANGE",
    "chmod": "COPYUP-CHANGE",
    "fchmod": "COPYUP-CHANGE",
    "chown": "COPYUP-CHANGE",
    "utimens": "COPYUP-CHANGE",
}
_UNTOUCHED: Final = "COPYUP-PRESERVE"

Broken = tuple[tuple[str, ...], Finding]
"""Rules, and what breaks each of them."""


def broken(trial: Trial) -> list[Broken]:
    """Everything in a trial that is not as it has to be."""
    if "broken" not in trial.memo:
        trial.memo["broken"] = list(_broken(trial.seen, trial.terms.granularity))
    found: list[Broken] = trial.memo["broken"]
    return found


def _differences(want: Tree, saw: Tree, granularity: int) -> list[Difference]:
    """Where two trees differ, but for which names are one file's: what stock overlayfs shows of that depends
    on when each was looked up."""
    return [each for each in differences(want, saw, granularity) if each.what != "link"]


def _broken(seen: ProgramSeen, granularity: int) -> Iterator[Broken]:
    if seen.failed:
        yield (_UNTOUCHED,), Finding("", "the mount", "mounted and run", seen.failed)
        return
    step = None
    for number, step in enumerate(stepped(seen), 1):
        judged = _judged(step, granularity)
        if seen.cramped and step.seen.number and step.operation.op in program.CHANGES:
            judged = _failed(step, granularity)
        for rules, finding in judged:
            yield rules, finding._replace(where=f"{finding.where}    {_after(number, step.operation)}")
    if seen.reused is not None:
        last = step.after.mounted if step is not None else seen.start
        yield from _reused(last, seen.reused, granularity)


def _after(number: int, operation: Operation) -> str:
    return f"after operation {number}, {listing.operation(operation)}"


def _judged(step: Stepped, granularity: int) -> Iterator[Broken]:
    if step.expected is None:
        yield from _remounted(step, granularity)
    elif step.before.read_only and _asks_to_write(step.operation):
        yield from _refused(step, step.expected)
    elif step.expected.number is None:
        yield from _consistent(step, granularity)
    elif (step.expected.number == 0) != (step.seen.number == 0) or step.expected.number != step.seen.number:
        yield _answer(step, step.expected)
    elif step.seen.number:
        yield from _failed(step, granularity)
    elif step.seen.view is not None:
        yield from _done(step, step.expected, granularity)
    yield from _held(step, granularity)


def _asks_to_write(operation: Operation) -> bool:
    """Whether a read-only mount has a say in what is answered."""
    bits = program.arguments(operation).get("bits", 0)
    return operation.op in program.CHANGES or bool(int(bits) & WRITE)


# Answers.


def _answer(step: Stepped, expected: Expected) -> Broken:
    """Another errno than expected."""
    number, saw = expected.number or 0, step.seen.number
    rules = expected.rules if number else _denying(step, expected, saw)
    if _was_changed(step) and rules and rules[0].startswith("ACCESS-"):
        rules = (*rules, "COPYUP-CHANGE")
    where = program.path(step.operation)
    return rules or (_by_call(step),), Finding("", where, name(number), name(saw))


def _denying(step: Stepped, expected: Expected, saw: int) -> tuple[str, ...]:
    """The rules that what was refused follows from."""
    wanted = _BY_PERMISSION.get(saw, ())
    return tuple(rule for rule in wanted if rule in expected.relied) or (_by_call(step),)


def _by_call(step: Stepped) -> str:
    if _is_about_upper_mark(step, program.path(step.operation)):
        return "COPYUP-UPPERMARK"
    return _BY_CALL.get(step.operation.op, _UNTOUCHED)


def _was_changed(step: Stepped) -> bool:
    """Whether the permissions of something on the way were changed in this mount."""
    about = set(_named(step.operation))
    about |= {up for path in about for up in (*paths.ancestors(path), paths.ROOT)}
    return not about.isdisjoint(step.before.changed)


def _named(operation: Operation) -> Iterator[str]:
    return (str(value) for key, value in operation.args if key in ("path", "to"))


def name(number: int) -> str:
    return errno.errorcode.get(number, str(number)) if number else "success"


def _refused(step: Stepped, expected: Expected) -> Iterator[Broken]:
    """On a read-only mount nothing is changed, whatever is answered."""
    if not step.seen.number and (expected.number or _changes(step, expected)):
        yield ("COPYUP-FAIL",), Finding("", program.path(step.operation), "EROFS", "success")
    yield from _failed(step, 1)


def _changes(step: Stepped, expected: Expected) -> bool:
    return expected.upper != step.before.mounted.upper


# What is there afterwards.


def _done(step: Stepped, expected: Expected, granularity: int) -> Iterator[Broken]:
    """The operation was done, as it has to be."""
    upper = _meaningful(expected.upper, step)
    mounted = replace(step.before.mounted, upper=expected.upper)
    assert step.seen.view is not None and step.seen.upper is not None
    for each in _differences(mounted.view.tree, step.seen.view, granularity):
        yield _difference(step, expected, each, "")
    yield from _untimely(step, expected, mounted.view.tree, step.seen.view)
    seen = _meaningful(step.seen.upper, step)
    for each in _differences(upper, seen, granularity):
        other = expected.either.get(each.path)
        if other is None or _differences({"": _plain(other, step)}, {"": seen[each.path]}, granularity):
            yield _difference(step, expected, each, " in the upper")


def _difference(step: Stepped, expected: Expected, each: Difference, place: str) -> Broken:
    rule = expected.reasons.get(each.path, _UNTOUCHED)
    want, saw = describe(each)
    rules: tuple[str, ...] = (rule,)
    if each.name == step.before.mounted.how.mark and place:
        about = "COPYUP-UPPERMARK" if _is_about_upper_mark(step, each.path) else "COPYUP-UNMARKED"
        rules = (about, rule) if rule in ("COPYUP-RECREATE", "COPYUP-RENAME") else (about,)
    elif _is_about_upper_mark(step, each.path) and not rule.startswith("ACCESS-"):
        rules = ("COPYUP-UPPERMARK",)
    elif each.what == "mtime" and rule == _UNTOUCHED:
        rules = ("COPYUP-MTIME",)
    elif each.what == "gid" and rule == "ACCESS-ACL":
        rules = ("ACCESS-SETGID",)
    elif rule == "COPYUP-MTIME" and each.what != "mtime":
        rules = (_UNTOUCHED,)
    elif rule == "COPYUP-RENAME" and _is_a_move(step.operation, expected):
        rules = ("COPYUP-RENAME", "ACCESS-MOVE")
    return rules, Finding("", (each.path or ".") + place, want, saw, node=each.saw)


def _is_a_move(operation: Operation, expected: Expected) -> bool:
    """Whether a directory got another parent, or the place of another."""
    return "ACCESS-MOVE" in expected.relied or ("flags", "exchange") in operation.args


def _is_about_upper_mark(step: Stepped, path: str) -> bool:
    return step.before.mounted.is_marked_upper(path)


def _untimely(step: Stepped, expected: Expected, want: Tree, saw: Tree) -> Iterator[Broken]:
    """Times that the clock has to have set, and has not."""
    before = step.before.mounted.view.tree
    for path, node in want.items():
        seen = saw.get(path)
        if node.mtime is not None or seen is None or seen.mtime is None:
            continue
        earlier = before[path].mtime if path in before else None
        if seen.mtime < _CLOCK or (seen.mtime == earlier and earlier in _set_times(step)):
            words = listing.time_text(seen.mtime)
            rule = expected.reasons.get(path, "COPYUP-MTIME")
            rules = ("COPYUP-UPPERMARK",) if _is_about_upper_mark(step, path) else (rule,)
            yield rules, Finding("", path or ".", "mtime now", f"mtime {words}", node=seen)


def _set_times(step: Stepped) -> set[int | None]:
    """Times that layers give."""
    return {node.mtime for tree in step.before.mounted.lowers for node in tree.values()}


def _failed(step: Stepped, granularity: int) -> Iterator[Broken]:
    """The operation failed, as it has to: all is as it was, save that directories may be copied up."""
    before = step.before.mounted
    if step.seen.view is None or step.seen.upper is None:
        return
    rules = ("COPYUP-FAIL", "COPYUP-RENAME") if step.seen.number == errno.EXDEV else ("COPYUP-FAIL",)
    for each in _differences(before.view.tree, step.seen.view, granularity):
        if not _may_be_emptied(step, each):
            want, saw = describe(each)
            yield rules, Finding("", each.path or ".", want, saw, node=each.saw)
    want_upper, seen_upper = _meaningful(before.upper, step), _meaningful(step.seen.upper, step)
    for each in _differences(want_upper, seen_upper, granularity):
        copied_up = _is_copied_up(step, each.path, seen_upper.get(each.path), granularity)
        if not copied_up and not _may_be_emptied(step, each):
            want, saw = describe(each)
            yield rules, Finding("", f"{each.path or '.'} in the upper", want, saw, node=each.saw)


def _may_be_emptied(step: Stepped, each: Difference) -> bool:
    """Whether this is a file that open(2) with O_TRUNC has emptied, or copied up so, before it failed."""
    return step.operation.op == "write" and each.path == program.path(step.operation)


def _is_copied_up(step: Stepped, path: str, node: Node | None, granularity: int) -> bool:
    """Whether an upper has no more than what shows of a directory that the operation is about, or had it
    already; a rename that fails late leaves an opaque xattr or a redirect that change nothing."""
    before = step.before.mounted
    shown = before.shows(path)
    if node is None or shown is None or not _is_on_the_way(step, path):
        return False
    if before.is_marked_upper(path) and node.xattr(before.how.mark) == overlayfs.YES:
        return True  # while it is marked, what it has of its own does not count, or the view says so
    seen = node._replace(xattrs=_without_own(node, step))
    possible = [before.stored(shown), before.upper.get(path, shown)]
    plain = [_plain(each, step) for each in possible]
    plain = [each._replace(xattrs=_without_own(each, step)) for each in plain]
    return any(not _differences({"": each}, {"": seen}, granularity) for each in plain)


def _without_own(node: Node, step: Stepped) -> tuple[tuple[str, bytes], ...]:
    own = {step.before.mounted.how.prefix + word for word in (overlayfs.OPAQUE, overlayfs.REDIRECT)}
    return tuple(pair for pair in node.xattrs if pair[0] not in own)


def _is_on_the_way(step: Stepped, path: str) -> bool:
    named = set(_named(step.operation))
    return path in named or any(paths.below(each, path) for each in named)


def _consistent(step: Stepped, granularity: int) -> Iterator[Broken]:
    """Where anything may be answered: what shows is what lies there, and nothing is marked now."""
    if step.seen.view is None or step.seen.upper is None:
        return
    mounted = step.after.mounted
    for each in _differences(mounted.view.tree, step.seen.view, granularity):
        want, saw = describe(each)
        rule = "COPYUP-SELFMARK" if step.operation.op == "setxattr" else _UNTOUCHED
        yield (rule,), Finding("", each.path or ".", want, saw, node=each.saw)
    for path in step.seen.upper:
        if mounted.is_marked_upper(path) and not step.before.mounted.is_marked_upper(path):
            yield ("COPYUP-SELFMARK",), Finding("", f"{path or '.'} in the upper", "no mark", "a mark")


def _remounted(step: Stepped, granularity: int) -> Iterator[Broken]:
    """A mount shows what lies there, and making it changes nothing."""
    if step.seen.view is None or step.seen.upper is None:
        return
    before, after = step.before.mounted, replace(step.after.mounted, upper=step.before.mounted.upper)
    for each in _differences(after.view.tree, step.seen.view, granularity):
        yield _remounting(step, each, "")
    want, saw = _meaningful(before.upper, step), _meaningful(step.seen.upper, step)
    for each in _differences(want, saw, granularity):
        yield _remounting(step, each, " in the upper")


def _remounting(step: Stepped, each: Difference, place: str) -> Broken:
    rule = "COPYUP-UPPERMARK" if _is_about_upper_mark(step, each.path) else "COPYUP-UNMARKED"
    want, saw = describe(each)
    return (rule,), Finding("", (each.path or ".") + place, want, saw, node=each.saw)


def _held(step: Stepped, granularity: int) -> Iterator[Broken]:
    """Descriptors that are held say what a look-up says."""
    view = step.seen.view if step.seen.view is not None else step.before.mounted.view.tree
    for key, look in step.seen.held.items():
        path = step.after.held.get(key)
        node = view.get(path) if path is not None else None
        if node is None or node.mtime is None:
            continue
        mode, uid, gid, mtime = look
        saw = node._replace(mode=mode, uid=uid, gid=gid, mtime=mtime)
        for each in _differences({"": node}, {"": saw}, granularity):
            want, other = describe(each)
            where = f"{path or '.'} by an open descriptor"
            yield ("COPYUP-CHANGE",), Finding("", where, want, other, node=saw)


def _reused(mounted: Mounted, seen: Tree, granularity: int) -> Iterator[Broken]:
    """The upper as the topmost of lower layers shows the same."""
    view = mounted.merger(
        [*mounted.lowers, mounted.upper],
        delegate=mounted.how.delegate,
        namespace=mounted.how.namespace,
        policies=mounted.how.policies,
    ).view()
    for each in _differences(view.tree, seen, granularity):
        want, saw = describe(each)
        where = f"{each.path or '.'}    the upper as a lower layer"
        yield ("COPYUP-REUSE",), Finding("", where, want, saw, node=each.saw)


def _meaningful(tree: Tree, step: Stepped) -> Tree:
    """A raw upper without what overlayfs notes there for purposes of its own."""
    return {path: _plain(node, step) for path, node in tree.items()}


def _plain(node: Node, step: Stepped) -> Node:
    how = step.before.mounted.how
    escaped = how.prefix + "overlay."
    kept = {how.prefix + word for word in _MEANINGFUL} if node.kind == "directory" else set()
    xattrs = tuple(
        pair
        for pair in node.xattrs
        if not pair[0].startswith(how.prefix) or pair[0] in kept or pair[0].startswith(escaped)
    )
    return node._replace(xattrs=xattrs)


def _of(rule: str, trial: Trial) -> Iterator[Finding]:
    """What breaks one rule."""
    for rules, finding in broken(trial):
        if rule in rules:
            yield finding._replace(rule=rule)


NEEDS: Final[dict[str, Needs]] = {
    "ACCESS-DAC": {"delegated ACCESS-DAC": 0.3},
    "ACCESS-NOWIDEN": {"widened by the placeholder": 0.1},
    "ACCESS-STICKY": {"delegated refused by ACCESS-STICKY": 0.01},
    "ACCESS-SETGID": {"delegated ACCESS-SETGID": 0.02},
    "ACCESS-ACL": {"delegated ACCESS-ACL": 0.05, "delegated inherits an ACL": 0.01},
    "ACCESS-OWNER": {"delegated ACCESS-OWNER": 0.08, "delegated refused by ACCESS-OWNER": 0.03},
    "ACCESS-MOVE": {"delegated ACCESS-MOVE": 0.01},
    "COPYUP-PRESERVE": {"delegated copied up": 0.4},
    "COPYUP-UNMARKED": {"delegated copied up": 0.4, "remounted": 0.2},
    "COPYUP-CHANGE": {"delegated changed": 0.2},
    "COPYUP-MTIME": {"delegated touched": 0.2},
    "COPYUP-UPPERMARK": {"delegated settled": 0.3},
    "COPYUP-RENAME": {"delegated renamed": 0.02, "delegated refused rename": 0.02},
    "COPYUP-RECREATE": {"recreated": 0.1},
    "COPYUP-SELFMARK": {"delegated own xattr": 0.01},
    "COPYUP-FAIL": {"failed": 0.5},
    "COPYUP-REUSE": {"delegated touched": 0.2},
}
"""Rule → features of programs, see `dirmeta.generate.happenings`."""

for _rule, _needs in NEEDS.items():
    judges(_rule, ProgramSeen, _needs)(partial(_of, _rule))
