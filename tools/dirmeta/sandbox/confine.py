"""Running one program of a subject where it can write, hang and fork only as far as it is let.

The program sees its own pid, mount and IPC namespaces; of all file systems only the directory it unpacks
into (with the canary) can be written, and a small private tmpfs on /tmp. There is no network, because
the private world around it has none.
"""

from __future__ import annotations

import math
import os
import resource
import select
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, NoReturn

from dirmeta.model import paths
from dirmeta.sandbox import jail, namespace, syscalls

TAIL: Final = 1 << 16
"""Bytes of a program's output that are kept."""
LINES: Final = 12
WORDS: Final = 2000
"""What is told of its stderr: enough for a cause among warnings, and the line that says it gave up."""
PROCESSES: Final = 2048
"""At most at once, for an ordinary user; the kernel does not count root's."""
_CHUNK: Final = 1 << 16
_NOT_STARTED: Final = 127
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)


class Confined(NamedTuple):
    """How a program ended.

    status           its exit status, or minus the signal that ended it
    stdout_tail      the last `TAIL` bytes it wrote
    stderr           its last few lines that are not blank, on one line of at most `WORDS` characters
    timed_out        whether it was killed because time was up
    cannot_start     why it could not be executed, "" where it could
    """

    status: int
    stdout_tail: bytes = b""
    stderr: str = ""
    timed_out: bool = False
    cannot_start: str = ""


def run(
    argv: Sequence[str],
    *,
    dest: str,
    canary: str,
    env: Mapping[str, str],
    timeout: float,
    memory: int,
    stdin: bytes | None = None,
) -> Confined:
    """Run `argv` confined and wait until it and everything it started is gone.

    dest, canary  absolute; can be written. Where one directory holds both, all of that one can be, so
                  that links between them are not stopped by a mount boundary
    timeout       seconds
    memory        bytes of address space for each process, at least 64 MiB
    stdin         what it reads, nothing where None
    Raises OSError where the confinement fails, NamespaceError outside a private world.
    """
    namespace.assert_private()
    source = _stdin(stdin)
    pipes = [os.pipe() for _ in range(3)]
    try:
        child = _fork_as_init()
        if not child:
            limits = _limits(timeout, memory)
            writable = _writable(dest, canary)
            _be_init(argv, env, writable, limits, (source, pipes[0][1], pipes[1][1], pipes[2][1]))
    finally:
        os.close(source)
        for _, end in pipes:
            os.close(end)
    return _collect(child, [end for end, _ in pipes], timeout)


def is_full(directory: str) -> bool:
    """Whether the file system of `directory` has no room left, or no inodes."""
    found = os.statvfs(directory)
    if not found.f_blocks:  # a file system that keeps no account, such as ramfs
        return False
    return found.f_bavail * found.f_frsize < _CHUNK or (found.f_files > 0 and found.f_favail == 0)


def _writable(dest: str, canary: str) -> tuple[str, ...]:
    work = os.path.dirname(dest)
    return (work,) if os.path.dirname(canary) == work else (dest, canary)


def _stdin(content: bytes | None) -> int:
    if content is None:
        return os.open(os.devnull, os.O_RDONLY)
    fd = os.memfd_create("stdin")
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _fork_as_init() -> int:
    """Fork a child that is pid 1 of a new pid namespace; later children are in the old one again."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY)
    try:
        syscalls.unshare(syscalls.CLONE_NEWPID)
        child = os.fork()
        if child:
            syscalls.setns(own, syscalls.CLONE_NEWPID)
        return child
    finally:
        os.close(own)


def _limits(timeout: float, memory: int) -> dict[int, int]:
    return {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: math.ceil(timeout) + 1,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: PROCESSES,
    }


def _be_init(
    argv: Sequence[str],
    env: Mapping[str, str],
    writable: Sequence[str],
    limits: Mapping[int, int],
    fds: tuple[int, int, int, int],
) -> NoReturn:
    """In pid 1: confine, start the program, collect orphans, say how the program ended.

    fds  stdin, stdout, stderr of the program, and where to say it
    """
    *streams, say = fds
    try:
        namespace.die_with_parent()
        program = _found(argv[0], env)
        temporary = jail.confine(writable, program, argv[1:])
        os.chdir("/")
        _set_limits(limits)
        started = _spawn(program, argv, {**temporary, **env}, streams, say)
        for fd in streams:
            os.close(fd)
        if started:
            os.write(say, b"S%d" % _wait_for(started))
    except BaseException as error:
        number = error.errno if isinstance(error, OSError) else 0
        os.write(say, b"X%d %s" % (number or 0, str(error).encode(errors="replace")))
    finally:
        os._exit(0)


def _found(program: str, env: Mapping[str, str]) -> str:
    return shutil.which(program, path=env.get("PATH", os.defpath)) or program


def _set_limits(limits: Mapping[int, int]) -> None:
    for kind, value in limits.items():
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


def _spawn(
    program: str, argv: Sequence[str], env: Mapping[str, str], streams: Sequence[int], say: int
) -> int:
    """The program's pid; 0 where it can not be executed, which is said.

    posix_spawn(3) shares memory until the exec, which costs a third of a fork.
    """
    try:
        return os.posix_spawn(
            program, list(argv), dict(env),
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)],
            setsid=True, setsigdef=_IGNORED_BY_PYTHON,
        )  # fmt: skip
    except OSError as error:
        os.write(say, b"E%d" % (error.errno or 0))
        return 0


def _wait_for(program: int) -> int:
    while True:
        ended, status = os.wait()
        if ended == program:
            return os.waitstatus_to_exitcode(status)


def _collect(child: int, ends: list[int], timeout: float) -> Confined:
    """Read until `child` and all it started are gone. `ends` are closed then."""
    handle = os.pidfd_open(child)
    tails = dict.fromkeys(ends, b"")
    try:
        timed_out = _read_until_gone(handle, child, tails, timeout)
        os.waitpid(child, 0)
    finally:
        for fd in (handle, *ends):
            os.close(fd)
    stdout, stderr, said = (tails[end] for end in ends)
    return _judge(said, timed_out)._replace(stdout_tail=stdout, stderr=_on_one_line(stderr))


def _read_until_gone(handle: int, child: int, tails: dict[int, bytes], timeout: float) -> bool:
    """Keep the end of what each pipe gives, and return whether the child had to be killed."""
    deadline = time.monotonic() + timeout
    poll = select.poll()
    for fd in (handle, *tails):
        poll.register(fd, select.POLLIN)
    timed_out = gone = False
    while not gone:
        left = None if timed_out else max(0.0, deadline - time.monotonic()) * 1000
        ready = [fd for fd, _ in poll.poll(left)]
        if not timed_out and time.monotonic() >= deadline:
            timed_out = True
            os.kill(child, signal.SIGKILL)
        for fd in ready:
            if fd != handle and not _keep(fd, tails):
                poll.unregister(fd)
        gone = handle in ready
    for fd in tails:  # nobody writes any more: pid 1 ends after all others of its namespace
        while _keep(fd, tails):
            pass
    return timed_out


def _keep(fd: int, tails: dict[int, bytes]) -> bool:
    part = os.read(fd, _CHUNK)
    tails[fd] = (tails[fd] + part)[-TAIL:]
    return bool(part)


def _judge(said: bytes, timed_out: bool) -> Confined:
    """What pid 1 said: E errno of exec, S status, X errno and text of a failed confinement."""
    kind, rest = said[:1], said[1:]
    if kind == b"X":
        number, _, text = rest.partition(b" ")
        raise OSError(int(number), f"confinement: {text.decode(errors='replace')}")
    if kind == b"E":
        return Confined(_NOT_STARTED, cannot_start=os.strerror(int(rest)))
    if kind == b"S" and not timed_out:
        return Confined(int(rest))
    return Confined(-signal.SIGKILL, timed_out=timed_out)


def _on_one_line(text: bytes) -> str:
    lines = [line.strip() for line in text.decode("utf-8", "surrogateescape").splitlines() if line.strip()]
    return paths.printable("; ".join(lines[-LINES:]))[:WORDS]
