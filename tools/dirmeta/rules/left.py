"""What lies in the upper and shows after an operation on a mount, and which rule anything else breaks."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dirmeta.model import listing, overlayfs, paths, program
from dirmeta.model.mounted import Mounted, with_xattrs
from dirmeta.model.stack import Operation
from dirmeta.model.tree import Node, Tree
from dirmeta.model.writer import Expected
from dirmeta.rules.answers import UNTOUCHED, Broken, by_call, is_about_upper_mark, name, named
from dirmeta.rules.findings import Difference, Finding, differences
from dirmeta.rules.operated import Stepped
from dirmeta.rules.uppers import CLOCK, meaningful, plain
from dirmeta.rules.words import describe

_CAPABILITY: Final = "security.capability"
_PRIVILEGED: Final = 0o6000


def _differences(want: Tree, saw: Tree, granularity: int) -> list[Difference]:
    """Where two trees differ, but for which names are one file's: what stock overlayfs shows of that depends
    on when each was looked up."""
    return [each for each in differences(want, saw, granularity) if each.what != "link"]


def refused(step: Stepped, expected: Expected) -> Iterator[Broken]:
    """On a read-only mount nothing is changed, which is said unless something else comes first."""
    saw = step.seen.number
    succeeds = expected.number == 0 and _changes(step, expected)
    if saw != errno.EROFS and (succeeds or not expected.allows(saw)):
        yield ("COPYUP-FAIL",), Finding("", program.path(step.operation), "EROFS", name(saw))
    yield from failed(step, 1)


def _changes(step: Stepped, expected: Expected) -> bool:
    return expected.upper != step.before.mounted.upper


def done(step: Stepped, expected: Expected, granularity: int) -> Iterator[Broken]:
    """The operation was done, as it has to be. Of what may stand in the upper in two ways, what stands there
    decides what has to show."""
    assert step.seen.view is not None and step.seen.upper is not None
    how = step.before.mounted.how
    seen = meaningful(step.seen.upper, how)
    either = {
        path: node
        for path, node in expected.either.items()
        if path in seen and not _differences({path: plain(node, how)}, {path: seen[path]}, granularity)
    }
    upper = {**expected.upper, **either}
    mounted = replace(step.before.mounted, upper=upper)
    for each in _differences(mounted.view.tree, step.seen.view, granularity):
        yield _difference(step, expected, each, "")
    yield from _untimely(step, expected, mounted.view.tree, step.seen.view)
    for each in _differences(meaningful(upper, how), seen, granularity):
        yield _difference(step, expected, each, " in the upper")


def _difference(step: Stepped, expected: Expected, each: Difference, place: str) -> Broken:
    rule = expected.reasons.get(each.path, UNTOUCHED)
    want, saw = describe(each)
    rules: tuple[str, ...] = (rule,)
    if each.name == step.before.mounted.how.mark and place:
        about = "COPYUP-UPPERMARK" if is_about_upper_mark(step, each.path) else "COPYUP-UNMARKED"
        rules = (about, rule) if rule in ("COPYUP-RECREATE", "COPYUP-RENAME") else (about,)
    elif is_about_upper_mark(step, each.path) and not rule.startswith("ACCESS-"):
        rules = ("COPYUP-UPPERMARK",)
    elif each.what == "mtime" and rule == UNTOUCHED:
        rules = ("COPYUP-MTIME",)
    elif each.what == "gid" and rule == "ACCESS-ACL":
        rules = ("ACCESS-SETGID",)
    elif rule == "COPYUP-MTIME" and each.what != "mtime":
        rules = (UNTOUCHED,)
    elif rule == "COPYUP-RENAME" and _is_a_move(step.operation, expected):
        rules = ("COPYUP-RENAME", "ACCESS-MOVE")
    return rules, Finding("", (each.path or ".") + place, want, saw, node=each.saw)


def _is_a_move(operation: Operation, expected: Expected) -> bool:
    """Whether a directory got another parent, or the place of another."""
    return "ACCESS-MOVE" in expected.relied or ("flags", "exchange") in operation.args


def _untimely(step: Stepped, expected: Expected, want: Tree, saw: Tree) -> Iterator[Broken]:
    """Times that the clock has to have set, and has not."""
    before = step.before.mounted.view.tree
    for path, node in want.items():
        seen = saw.get(path)
        if node.mtime is not None or seen is None or seen.mtime is None:
            continue
        earlier = before[path].mtime if path in before else None
        if seen.mtime < CLOCK or (seen.mtime == earlier and earlier in _set_times(step)):
            words = listing.time_text(seen.mtime)
            rule = expected.reasons.get(path, "COPYUP-MTIME")
            rules = ("COPYUP-UPPERMARK",) if is_about_upper_mark(step, path) else (rule,)
            yield rules, Finding("", path or ".", "mtime now", f"mtime {words}", node=seen)


def _set_times(step: Stepped) -> set[int | None]:
    """Times that layers give."""
    return {node.mtime for tree in step.before.mounted.lowers for node in tree.values()}


def failed(step: Stepped, granularity: int) -> Iterator[Broken]:
    """The operation failed, as it has to: all is as it was, save that directories may be copied up."""
    before = step.before.mounted
    if step.seen.view is None or step.seen.upper is None:
        return
    rules = ("COPYUP-FAIL", "COPYUP-RENAME") if step.seen.number == errno.EXDEV else ("COPYUP-FAIL",)
    for each in _differences(before.view.tree, step.seen.view, granularity):
        if not _is_not_overlayfs(step, each):
            want, saw = describe(each)
            yield rules, Finding("", each.path or ".", want, saw, node=each.saw)
    want_upper, seen_upper = meaningful(before.upper, before.how), meaningful(step.seen.upper, before.how)
    for each in _differences(want_upper, seen_upper, granularity):
        copied_up = _is_copied_up(step, each.path, seen_upper.get(each.path), granularity)
        if not copied_up and not _is_not_overlayfs(step, each):
            want, saw = describe(each)
            yield rules, Finding("", f"{each.path or '.'} in the upper", want, saw, node=each.saw)


def _is_not_overlayfs(step: Stepped, each: Difference) -> bool:
    """Whether open(2), or the file system of the upper, has done this before the operation failed."""
    return _may_be_emptied(step, each) or _may_be_retimed(step, each)


def _may_be_retimed(step: Stepped, each: Difference) -> bool:
    """Whether this is the time of a directory that something was to be moved out of, and could not be."""
    refused = step.operation.op == "rename" and step.seen.number == errno.ENOTEMPTY
    where = paths.parent(program.path(step.operation))
    ours = each.what == "mtime" and each.path == where
    return refused and ours and step.before.mounted.how.refused_renames_retime


def _may_be_emptied(step: Stepped, each: Difference) -> bool:
    """Whether this is a file that open(2) with O_TRUNC has emptied, or copied up so, before there was no
    room: without content or privileges, with another time, and as it was else."""
    before, saw = step.before.mounted.shows(each.path), each.saw
    asked = step.operation.op == "write" and step.seen.number == errno.ENOSPC
    if not asked or each.path != program.path(step.operation) or before is None or saw is None:
        return False
    was, now = (plain(node, step.before.mounted.how)._replace(mtime=None, link="") for node in (before, saw))
    now = now._replace(content=now.content or was.content)
    return now in (was, with_xattrs(was, {_CAPABILITY: None})._replace(mode=was.mode & ~_PRIVILEGED))


def _is_copied_up(step: Stepped, path: str, node: Node | None, granularity: int) -> bool:
    """Whether an upper has no more than what shows of a directory that the operation is about, or had it
    already."""
    before = step.before.mounted
    shown = before.shows(path)
    if node is None or shown is None or not _is_on_the_way(step, path):
        return False
    seen = _without_notes(node, step)
    possible = [before.stored(shown), before.upper.get(path, shown)]
    whole, own = (_without_notes(plain(each, before.how), step) for each in possible)
    if any(not _differences({"": each}, {"": seen}, granularity) for each in (whole, own)):
        return True
    return before.is_marked_upper(path) and _is_between(own, seen, whole, before.how.prefix)


def _is_between(own: Node, seen: Node, whole: Node, prefix: str) -> bool:
    """Whether storing the whole of what shows in a marked directory has come so far: each attribute is the
    old or the new one, what is overlayfs's own is there, the mark too, and an ACL that came or went took
    the permission bits with it."""
    old, new, now = (set(each.xattrs) for each in (own, whole, seen))
    private = {pair for pair in old if pair[0].startswith(prefix)}
    modes = {one.mode & ~0o777 | other.mode & 0o777 for one in (own, whole) for other in (own, whole)}
    return (
        (old & new) | private <= now <= old | new
        and seen.mode in modes
        and seen.uid in (own.uid, whole.uid)
        and seen.gid in (own.gid, whole.gid)
        and seen.mtime in (own.mtime, whole.mtime)
    )


def _without_notes(node: Node, step: Stepped) -> Node:
    """Without what a rename that fails late may leave, and changes nothing: an opaque xattr or a redirect."""
    if step.operation.op != "rename":
        return node
    notes = {step.before.mounted.how.prefix + word for word in (overlayfs.OPAQUE, overlayfs.REDIRECT)}
    return node._replace(xattrs=tuple(pair for pair in node.xattrs if pair[0] not in notes))


def _is_on_the_way(step: Stepped, path: str) -> bool:
    about = set(named(step.operation))
    return path in about or any(paths.below(each, path) for each in about)


def shown(step: Stepped, granularity: int) -> Iterator[Broken]:
    """Whatever was done, what shows is what lies there: the next look-up may begin from that."""
    if step.seen.view is None:
        return
    for each in _differences(step.after.mounted.view.tree, step.seen.view, granularity):
        want, saw = describe(each)
        rules = ("COPYUP-FAIL",) if step.seen.number else _where_anything_goes(step)
        rules = ("COPYUP-MTIME",) if each.what == "mtime" else rules
        yield rules, Finding("", each.path or ".", f"{want}, as it lies there", saw, node=each.saw)


def _where_anything_goes(step: Stepped) -> tuple[str, ...]:
    return ("COPYUP-SELFMARK",) if step.operation.op == "setxattr" else (by_call(step),)


def _may_change(operation: Operation, upper: Tree) -> set[str]:
    """Where an operation can change what shows, if it is done: also under other names that a file has in the
    upper. An ACL that is not there can go unnoticed."""
    if program.arguments(operation).get("name") in overlayfs.ACLS:
        return set()
    about = set(named(operation))
    links = {upper[path].link for path in about if path in upper}
    others = {path for path, node in upper.items() if node.link and node.link in links}
    return about | {paths.parent(path) for path in about} | others


def consistent(step: Stepped, granularity: int) -> Iterator[Broken]:
    """Where it is not said what is done: nothing else is, and nothing is marked now."""
    if step.seen.view is None or step.seen.upper is None:
        return
    before, after = step.before.mounted, step.after.mounted
    about = _may_change(step.operation, before.upper)
    for each in _differences(before.view.tree, step.seen.view, granularity):
        if each.path not in about:
            want, saw = describe(each)
            yield _where_anything_goes(step), Finding("", each.path or ".", want, saw, node=each.saw)
    for path in step.seen.upper:
        if after.is_marked_upper(path) and not before.is_marked_upper(path):
            yield ("COPYUP-SELFMARK",), Finding("", f"{path or '.'} in the upper", "no mark", "a mark")


def remounted(step: Stepped, granularity: int) -> Iterator[Broken]:
    """A mount shows what lies there, and making it changes nothing."""
    if step.seen.view is None or step.seen.upper is None:
        return
    before, after = step.before.mounted, replace(step.after.mounted, upper=step.before.mounted.upper)
    for each in _differences(after.view.tree, step.seen.view, granularity):
        yield _remounting(step, each, "")
    want, saw = meaningful(before.upper, before.how), meaningful(step.seen.upper, before.how)
    for each in _differences(want, saw, granularity):
        yield _remounting(step, each, " in the upper")


def _remounting(step: Stepped, each: Difference, place: str) -> Broken:
    rule = "COPYUP-UPPERMARK" if is_about_upper_mark(step, each.path) else "COPYUP-UNMARKED"
    want, saw = describe(each)
    return (rule,), Finding("", (each.path or ".") + place, want, saw, node=each.saw)


def held(step: Stepped, granularity: int) -> Iterator[Broken]:
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


def reused(mounted: Mounted, seen: Tree, granularity: int) -> Iterator[Broken]:
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
