"""What a lab is asked to do, as data: a job is a few steps in one scratch directory.

A job says *what* is laid out, mounted and looked at; an executor (the host's in Python, a guest's
agent) does it and answers one result a step. Directories are named by short words relative to the
scratch directory (``l1``, ``upper``, ``m``) and need not be made beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from dirmeta.model.limits import Limits as Limits
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Tree


class Layout(NamedTuple):
    """Make directory `at` hold exactly `tree`, metadata and raw xattrs included. Result: None."""

    at: str
    tree: Tree


class Unpack(NamedTuple):
    """Have the lab's subject unpack one layer into the new, empty directory `at`.

    layer  the bytes of a plain tar file
    Result: `Unpacked`.
    """

    at: str
    layer: bytes
    namespace: Namespace = "trusted"
    delegate: bool = True
    umask: int = 0o022


class UnpackTogether(NamedTuple):
    """The same unpacks, all started before any is waited for. Result: tuple of `Unpacked`."""

    unpacks: tuple[Unpack, ...]


class Mount(NamedTuple):
    """Mount an overlay on `at`.

    lowers     directories, topmost first; may name another overlay's mount point
    upper      name of an upper directory, made where it does not exist ("" mounts read-only);
               its work directory is ``<upper>.work``
    options    as (name, value), value "" for a flag; ``userxattr`` is one of them
    data_only  how many of the last `lowers` are data-only layers (``::``)
    append     give each layer by fsconfig(2) ``lowerdir+`` instead of one ``lowerdir=`` string
    Result: None.
    """

    at: str
    lowers: tuple[str, ...]
    upper: str = ""
    options: tuple[tuple[str, str], ...] = ()
    data_only: int = 0
    append: bool = False


class Unmount(NamedTuple):
    """Take the mount on `at` away again. Result: None."""

    at: str


class ShowOptions(NamedTuple):
    """Result: list of the options that the kernel shows of the mount on `at`: ``name`` or ``name=value``."""

    at: str


class Walk(NamedTuple):
    """Read everything below `at`, links never followed. Result: `Tree`."""

    at: str


class Agree(NamedTuple):
    """Ask for every directory's metadata in several ways, and from several threads.

    Result: dict path → dict way → (mode, uid, gid, mtime); ways are ``stat``, ``lstat``, ``fstat``
    (an O_RDONLY descriptor), ``path`` (an O_PATH descriptor), ``statx``, ``held`` (a descriptor that
    was opened before all the other looks), ``thread1`` … ``thread4``.
    """

    at: str


class Identify(NamedTuple):
    """Result: dict path → `Identity` for everything below `at` but the root."""

    at: str


class Operate(NamedTuple):
    """One system call at `path` (relative to the scratch directory).

    call   chmod (mode) · chown (uid, gid; -1 leaves one) · utimens (atime ns, mtime ns) · mkdir (mode) ·
           create (mode) · write (text) · read · symlink (target) · link (to) · unlink · rmdir · rename
           (to[, flags]) · setxattr (name, value) · getxattr (name) · removexattr (name) · listxattr · access
           (bits) · hold (slot) · fchmod (slot, mode) · fstat (slot) · drop-caches
    Result: `Outcome`; an error of the call is a result, not a failure of the job.
    """

    call: str
    path: str
    args: tuple[str | bytes | int, ...] = ()
    by: Credentials = Credentials()


class Race(NamedTuple):
    """Operations done by several processes at once, each its own in order, all begun together; meanwhile as
    many others look at `watched`.

    Result: `Raced`.
    """

    actors: tuple[tuple[Operate, ...], ...]
    watched: tuple[str, ...]


class IdMap(NamedTuple):
    """Bind `source` on `at` with ids mapped: id 0 … `ids`-1 on disk appear as `first` + id.

    Result: None.
    """

    at: str
    source: str
    first: int
    ids: int


class AskAsStranger(NamedTuple):
    """Do a mount as root of a user namespace that maps no id but its own, and lstat `path` there.

    Result: `Outcome` of the lstat, its value (mode in octal, mtime in ns) as text.
    """

    mount: Mount
    path: str


class Cramp(NamedTuple):
    """Make directory `at` a file system of its own that has room for so many inodes. Result: None."""

    at: str
    inodes: int


class Freeze(NamedTuple):
    """Pack directory `at` into a read-only image of that kind (``erofs``, ``squashfs``), and mount it there.

    Result: None.
    """

    at: str
    kind: str


class Log(NamedTuple):
    """Result: the lines overlayfs wrote to the kernel log since the job began, None where the log
    can not be read."""


Step = (
    Layout
    | Unpack
    | UnpackTogether
    | Mount
    | Unmount
    | ShowOptions
    | Walk
    | Agree
    | Identify
    | Operate
    | Race
    | IdMap
    | Freeze
    | Cramp
    | Log
    | AskAsStranger
)


class Unpacked(NamedTuple):
    """How a subject ended: 0, an exit status, minus a signal; or why it gave no status.

    status   0 is success
    message  the last line it wrote to stderr, or the reference's error
    trouble  "" · "timeout" · "escaped" (changed the canary beside DEST) · "full" (hit the space
             limit) · "cannot start"
    """

    status: int
    message: str = ""
    trouble: str = ""

    @property
    def ok(self) -> bool:
        return self.status == 0 and not self.trouble


class Identity(NamedTuple):
    """What the kernel says of one name: from readdir, from lstat, and as a file handle."""

    d_type: int
    d_ino: int
    st_ino: int
    st_dev: int
    mode_type: int
    handle: bytes | None


class Outcome(NamedTuple):
    """errno of a call (0 for success) and what it returned, where it returns something."""

    errno: int
    value: bytes | tuple[str, ...] | None = None


class Raced(NamedTuple):
    """What came of a race.

    outcomes  of each actor's operations
    looks     path → every (mode, uid, gid) that was seen there
    mixed     path → the mode of one look with the owner of the next, and the other way round, where those
              differ: what who reads them at two moments would have
    """

    outcomes: tuple[tuple[Outcome, ...], ...]
    looks: dict[str, frozenset[tuple[int, int, int]]]
    mixed: dict[str, frozenset[tuple[int, int, int]]]


class Failure(NamedTuple):
    """A step that could not be done; the steps after it were not tried."""

    errno: int
    text: str


Result = (
    None | Unpacked | tuple[Unpacked, ...] | Tree | dict[str, dict[str, tuple[int, int, int, int]]]
    | dict[str, Identity] | Outcome | Raced | list[str] | Failure
)  # fmt: skip


WITHOUT_XATTRS: Final = "ramfs"
"""A kind of scratch directory that every lab has, and that holds no xattrs; never one of its backings."""


@dataclass(frozen=True)
class Job:
    """Steps to do in order in one fresh scratch directory, which is gone afterwards.

    backing  what the scratch directory is: a kind the lab offers (``tmpfs``, ``ext4``)
    """

    steps: tuple[Step, ...]
    backing: str = "tmpfs"
