"""What of a case a lab can not do, in words that name it and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dirmeta.model import listing, overlayfs, paths, program
from dirmeta.model.entries import Entry
from dirmeta.model.limits import Limits
from dirmeta.model.mountoptions import words
from dirmeta.model.stack import Case, Operation

AS_ROOT: Final = "; run it as root"


def obstacles(case: Case, limits: Limits) -> Iterator[str]:
    """One line for each."""
    if case.setup.backing not in limits.backings:
        yield f"there is no backing {case.setup.backing}; there is {', '.join(limits.backings)}"
    for option in case.setup.options:
        if (case.setup.namespace, option) in limits.refused:
            yield f"overlayfs refuses {words(option)} in mounts that read {case.setup.namespace}.* xattrs"
    if case.program and ("index", "on") in case.setup.options and _links_below(case):
        yield "with index=on a change to one name of a lower file is one to all, which is not followed"
    for number, operation in enumerate(case.program, 1):
        if obstacle := _operation(operation, case, limits):
            yield f"operation {number}, {listing.operation(operation)}: {obstacle}"
    for entry in (entry for layer in case.stack for entry in layer):
        if obstacle := _of_entry(entry, limits):
            yield f"{paths.printable(entry.name)} {obstacle}{AS_ROOT}"


def _links_below(case: Case) -> bool:
    lowers = case.stack[:-1] if case.setup.reused else case.stack
    return any(entry.kind == "hardlink" for layer in lowers for entry in layer)


def _operation(operation: Operation, case: Case, limits: Limits) -> str:
    return (
        _of_operation(operation, limits)
        or _of_nesting(operation, case, limits)
        or _of_racing(operation, case)
    )


def _of_operation(operation: Operation, limits: Limits) -> str:
    who, arguments = operation.by, program.arguments(operation)
    if operation.op == "drop-caches" and not limits.caches:
        return "that takes a kernel of one's own, as --kernel uml:6.12 gives"
    if not _has_ids(limits, who.uid, who.gid):
        return f"nobody can be {who.uid}:{who.gid} here{AS_ROOT}"
    if limits.ids is not None and set(who.groups) - {who.gid}:
        return f"nobody can be in further groups here{AS_ROOT}"
    if not _has_ids(limits, *(int(arguments[name]) for name in ("uid", "gid") if name in arguments)):
        return f"nothing can belong to that owner here{AS_ROOT}"
    if operation.op == "setacl" and not limits.acls:
        return f"nothing can have an ACL here{AS_ROOT}"
    if not limits.trusted and str(arguments.get("name", "")).startswith("trusted."):
        return f"nobody can set trusted.* xattrs here{AS_ROOT}"
    least, greatest, _ = limits.mtime
    if not least <= int(arguments.get("mtime", 0)) <= greatest:
        return "the file system here holds no such time"
    return ""


def _of_racing(operation: Operation, case: Case) -> str:
    if case.setup.raced and not program.OPERATIONS[operation.op].call:
        return "processes that work at once share one mount, of which nothing is changed meanwhile"
    return ""


def _of_nesting(operation: Operation, case: Case, limits: Limits) -> str:
    acl = operation.op == "setacl" or program.arguments(operation).get("name") in overlayfs.ACLS
    if case.setup.nested and acl and not limits.nested_acls:
        return "what a nested overlay shows is given no ACL by kernels before 6.2"
    return ""


def _of_entry(entry: Entry, limits: Limits) -> str:
    if not _has_ids(limits, entry.uid, entry.gid):
        return f"belongs to {entry.uid}:{entry.gid}"
    if not limits.devices and entry.kind in ("char", "block"):
        return "is a device"
    if not limits.trusted and any(name.startswith("trusted.") for name, _ in entry.xattrs):
        return "has a trusted.* xattr"
    if not limits.acls and any(name in overlayfs.ACLS for name, _ in entry.xattrs):
        return "has an ACL"
    return ""


def _has_ids(limits: Limits, *ids: int) -> bool:
    return limits.ids is None or set(ids) <= set(limits.ids)
