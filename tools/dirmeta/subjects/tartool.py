"""Tools that unpack a tar file and know neither marks nor whiteouts: ``.wh.`` files are left as files."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Final

from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Semantics
from dirmeta.observe.steps import Unpacked
from dirmeta.subjects import program
from dirmeta.subjects.base import TIMEOUT, SubjectError

_PROBE_TIMEOUT: Final = 10.0


@dataclass(frozen=True)
class Tool:
    """How a tool is asked to keep everything it can.

    title      for people
    program    its name in PATH
    arguments  after the program; ``{dest}`` is where to unpack what comes on stdin
    probe      arguments that make it say its version, and what that looks like, the version in a group
    package    what to install; as a whole remedy where that is no Debian package
    keeps      globs of the xattrs that it keeps
    """

    title: str
    program: str
    arguments: tuple[str, ...]
    probe: tuple[str, ...]
    version: str
    package: str
    keeps: tuple[str, ...] = ()


_BRIEFLY: Final = (
    "sys.excepthook = lambda kind, error, trace: print(f'{kind.__name__}: {error}', file=sys.stderr); "
)
"""What went wrong, and not where in a library."""
_TARFILE: Final = (
    f"import sys, tarfile; {_BRIEFLY}tarfile.open(fileobj=sys.stdin.buffer, mode='r|')"
    ".extractall(sys.argv[1], numeric_owner=True, filter=lambda member, dest: "
    "tarfile.tar_filter(member, dest).replace(mode=member.mode, deep=False))"
)
_LIBARCHIVE: Final = (
    f"import os, sys, libarchive; {_BRIEFLY}from libarchive import extract; os.chdir(sys.argv[1]); "
    "flags = [getattr(extract, 'EXTRACT_' + name, 0) for name in "
    "('OWNER', 'PERM', 'TIME', 'ACL', 'XATTR', 'UNLINK', "
    "'SECURE_SYMLINKS', 'SECURE_NODOTDOT', 'SECURE_NOABSOLUTEPATHS')]; "
    "libarchive.extract_fd(0, flags=sum(flags))"
)

TOOLS: Final[dict[str, Tool]] = {
    "tar": Tool(
        "GNU tar", "tar",
        ("--extract", "--preserve-permissions", "--same-owner", "--numeric-owner",
         "--xattrs", "--xattrs-include=*", "--acls", "--file=-", "--directory={dest}"),
        ("--version",), r"tar \(GNU tar\) (\S+)", "tar", ("*",),
    ),
    "bsdtar": Tool(
        "bsdtar", "bsdtar",
        ("-x", "-p", "--same-owner", "--numeric-owner", "-f", "-", "-C", "{dest}"),
        ("--version",), r"bsdtar (\S+)", "libarchive-tools", ("*",),
    ),
    "busybox": Tool(
        "busybox tar", "busybox",
        ("tar", "-x", "-p", "--numeric-owner", "-f", "-", "-C", "{dest}"),
        (), r"BusyBox v(\S+)", "busybox-static", (),
    ),
    "tarfile": Tool(
        "Python with the filters of tarfile (3.11.4 or later)", sys.executable,
        ("-I", "-c", _TARFILE, "{dest}"),
        ("-c", "import platform, tarfile; tarfile.tar_filter; print(platform.python_version())"), r"(\d\S*)",
        "python3", (),
    ),
    "libarchive-c": Tool(
        "libarchive-c", "/usr/bin/python3",
        ("-c", _LIBARCHIVE, "{dest}"),
        ("-c", "import importlib.metadata as m, libarchive; print(m.version('libarchive-c'))"), r"(\d\S*)",
        "python3-libarchive-c", ("*",),
    ),
}  # fmt: skip
"""A row a tool."""


@dataclass(frozen=True)
class TarTool:
    """Runs a tool of `TOOLS`, once a layer."""

    name: str
    path: str
    version: str
    timeout: float = TIMEOUT

    claims: ClassVar[frozenset[str]] = frozenset()
    semantics: ClassVar[Semantics] = "sequential"
    variant: ClassVar[str] = "bump"
    python: ClassVar[bool] = False

    def keeps(self, xattr: str) -> bool:
        return any(fnmatchcase(xattr, glob) for glob in TOOLS[self.name].keeps)

    def unpack(
        self, layer: bytes, dest: str, *, namespace: Namespace, delegate: bool, umask: int, work: str
    ) -> Unpacked:
        """See `Subject.unpack`; `namespace` and `delegate` mean nothing to it."""
        argv = (self.path, *(word.replace("{dest}", dest) for word in TOOLS[self.name].arguments))
        env = program.environment()
        return program.unpack(argv, dest, work=work, umask=umask, env=env, timeout=self.timeout, stdin=layer)


def tar_tool(name: str, timeout: float = TIMEOUT, path: str = "") -> TarTool:
    """A tool of `TOOLS`, at another path where one is given. Raises SubjectError where it is missing or is
    some other program."""
    tool = TOOLS[name]
    path = path or tool.program
    remedy = f"apt-get install {tool.package}, or give {name},path=PATH"
    found = program.find(path)
    if not found:
        raise SubjectError(f"{name}: {path} is not to be found; {remedy}")
    try:
        said = subprocess.run(
            [found, *tool.probe], capture_output=True, text=True, timeout=_PROBE_TIMEOUT, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as why:
        raise SubjectError(
            f"{name}: {found} {' '.join(tool.probe)}: {why}; give another as {name},path=PATH"
        ) from None
    version = re.match(tool.version, said)
    if version is None:
        raise SubjectError(f"{name}: {found} is not {tool.title}; {remedy}")
    return TarTool(name, found, version[1], timeout)
