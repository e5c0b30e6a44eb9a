"""What entries are drawn from: small pools, each from simple to complex, within a lab's limits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from dirmeta.generate.choices import Choices
from dirmeta.generate.trees import SPELLINGS
from dirmeta.model import acl, overlayfs
from dirmeta.model.entries import Metadata, Xattrs
from dirmeta.model.limits import Limits

SECOND: Final = 1_000_000_000
NO_LIMITS: Final = Limits()
"""Of a lab that can do everything."""

DIRECTORY_MODES: Final = (
    0o755, 0o700, 0o750, 0o711, 0o555, 0o1777, 0o2755, 0o2770, 0o4755, 0o3771, 0o7777, 0o070, 0o000,
)  # fmt: skip
FILE_MODES: Final = (0o644, 0o600, 0o755, 0o444, 0o000, 0o4755, 0o2755, 0o6711, 0o1644)
OWNERS: Final = ((0, 0), (1, 1), (7, 8), (1000, 1000), (0, 8), (7, 0), (65534, 65534), (70_000, 2_100_000))
TIMES: Final = (
    0, 1000 * SECOND, 10**9 * SECOND, 10**9 * SECOND + 123_456_789, 1000 * SECOND + 1, 1,
    -SECOND, -86_400 * SECOND + 500_000_000, (1 << 31) * SECOND, (1 << 32) * SECOND + 7,
)  # fmt: skip
"""ns since the epoch: zero, plain, with fractions, before 1970, beyond 2038 and 2106."""
CONTENTS: Final = (b"", b"x", b"hello\n", b"\x00\xff", b"block" * 120)
TARGETS: Final = ("f", "../f", "/etc/passwd", ".", "no/such", "t" * 120, "caf\udce9")
CHAR_DEVICES: Final = ((1, 3), (5, 1), (4095, 1_000_000))
BLOCK_DEVICES: Final = ((7, 0), (259, 300))


class Attributes(NamedTuple):
    """A set of xattrs that fits any mode.

    plain    ordinary xattrs
    access   the named users and groups of an access ACL; what is not named comes from the mode
    default  the value of a default ACL, b"" for none
    """

    plain: Xattrs = ()
    access: tuple[acl.Permission, ...] = ()
    default: bytes = b""


NOTHING: Final = Attributes()


class Pools(NamedTuple):
    """`Limits` applied to the pools above, once for all cases of a lab."""

    owners: tuple[tuple[int, int], ...]
    times: tuple[int, ...]
    directories: tuple[Attributes, ...]
    files: tuple[Attributes, ...]
    symlinks: tuple[Attributes, ...]
    devices: bool
    numbers: tuple[int, int]


_PLAIN: Final[tuple[Xattrs, ...]] = (
    (("user.a", b"1"),),
    (("user.a", b"2"), ("user.b", b"")),
    (("user.c", b"\x00=\n\xff"),),
)
_TRUSTED: Final[tuple[Xattrs, ...]] = (
    (("trusted.t", b"1"),),
    (("trusted.t", b"2"), ("user.a", b"3")),
)


@lru_cache(maxsize=64)
def pools(limits: Limits) -> Pools:
    """The pools of a lab with these limits."""
    plain = tuple(Attributes(pairs) for pairs in (*_PLAIN, *(_TRUSTED if limits.trusted else ())))
    access = tuple(_access_acls(limits)) if limits.acls else ()
    default = tuple(_default_acls(limits)) if limits.acls else ()
    return Pools(
        owners=tuple(pair for pair in OWNERS if _allowed(limits, *pair)) or _any_owner(limits),
        times=tuple(time for time in TIMES if limits.mtime[0] <= time <= limits.mtime[1]) or (0,),
        directories=(*(NOTHING,) * 9, *plain, *access, *default),
        files=(*(NOTHING,) * 9, *plain, *access),
        symlinks=(NOTHING, NOTHING, Attributes(_TRUSTED[0])) if limits.trusted else (NOTHING,),
        devices=limits.devices,
        numbers=limits.numbers,
    )


def _allowed(limits: Limits, *ids: int) -> bool:
    return limits.ids is None or all(ident in limits.ids for ident in ids)


def _any_owner(limits: Limits) -> tuple[tuple[int, int], ...]:
    """Where none of the usual owners is allowed: each id that is, for both."""
    return tuple((ident, ident) for ident in limits.ids or (0,))


def _named(limits: Limits) -> tuple[int, int]:
    """Two ids that an ACL may name."""
    allowed = limits.ids if limits.ids is not None else (7, 8)
    others = [ident for ident in allowed if ident] or list(allowed) or [0]
    return others[0], others[-1]


def _access_acls(limits: Limits) -> Iterable[Attributes]:
    first, second = _named(limits)
    user, group = acl.Permission(0x02, first, 0o5), acl.Permission(0x08, second, 0o7)
    yield Attributes(access=(user,))
    yield Attributes(access=(user, group), plain=_PLAIN[0])


def _default_acls(limits: Limits) -> Iterable[Attributes]:
    first, second = _named(limits)
    yield Attributes(default=acl.parse(f"u::rwx,u:{first}:rwx,g::r-x,m::rwx,o::---"))
    yield Attributes(
        access=(acl.Permission(0x08, second, 0o4),),
        default=acl.parse(f"u::rwx,g::r-x,g:{second}:r-x,m::r-x,o::r-x"),
    )


@lru_cache(maxsize=4096)
def xattrs_for(attributes: Attributes, mode: int) -> Xattrs:
    """The xattrs of an object with that mode, sorted; an access ACL agrees with the mode."""
    pairs = list(attributes.plain)
    if attributes.access:
        pairs.append((overlayfs.ACL_ACCESS, access_acl(attributes.access, mode)))
    if attributes.default:
        pairs.append((overlayfs.ACL_DEFAULT, attributes.default))
    return tuple(sorted(pairs))


def access_acl(named: tuple[acl.Permission, ...], mode: int) -> bytes:
    """The value of an access ACL with these named lines, on an object with that mode."""
    bits = mode >> 3 & 7
    owner, group = acl.Permission(0x01, -1, mode >> 6 & 7), acl.Permission(0x04, -1, bits & 0o5)
    mask, other = acl.Permission(0x10, -1, bits), acl.Permission(0x20, -1, mode & 7)
    return acl.pack((*named, owner, group, mask, other))


Header = tuple[str, int, Metadata]
"""The name that an entry begins with, its turn in a stream that keeps no other order, and its metadata."""

TURNS: Final = 14
HEADER_SIZE: Final = 3


def header(
    choices: Choices, pool: Pools, place: str, modes: tuple[int, ...], sets: tuple[Attributes, ...]
) -> Header:
    """A spelling of `place` (a directory's with its slash), and metadata. Reads `HEADER_SIZE` bytes."""
    chosen, spelling = choices.indices(len(modes), len(SPELLINGS))
    owner, time = choices.indices(len(pool.owners), len(pool.times))
    which, turn = choices.indices(len(sets), TURNS)
    mode, attributes = modes[chosen], sets[which]
    uid, gid = pool.owners[owner]
    xattrs = xattrs_for(attributes, mode) if attributes is not NOTHING else ()
    return SPELLINGS[spelling](place), turn, (mode, uid, gid, pool.times[time], xattrs)
