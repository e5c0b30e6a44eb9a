"""Running the programs of an engine inside its private world."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dirmeta.model import paths
from dirmeta.subjects.engines.base import TIMEOUT, EngineError, Refused

_LINES: Final = 3
_CHATTER: Final = re.compile('level="?(debug|info|warning)')
_WORDS: Final = 600
START_TIMEOUT: Final = 30.0
_PAUSE: Final = 0.02


def run(
    argv: Sequence[str], env: Mapping[str, str], *, stdin: bytes = b"", timeout: float = TIMEOUT,
    user: int | None = None,
    cwd: str | None = None,
) -> str:  # fmt: skip
    """What a program writes to stdout. Raises Refused where it fails, EngineError where it hangs.

    user  the uid and gid to run it as, with no other groups; cwd: where, if not here
    """
    with subprocess.Popen(
        argv, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, cwd=cwd, user=user, group=user, extra_groups=() if user is not None else None,
    ) as process:  # fmt: skip
        try:
            said, complaints = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise EngineError(f"{shown(argv)} was killed after {timeout:g} s; give it more time") from None
    if process.returncode:
        raise Refused(f"{shown(argv)}: {_how(process.returncode)}: {_last_lines(complaints or said)}")
    return said.decode(errors="surrogateescape")


def shown(argv: Sequence[str]) -> str:
    """A command as errors name it: the program and its first words that are plain, such as subcommands."""
    words = [word for word in argv[1:] if word.isidentifier()]
    return " ".join((os.path.basename(argv[0]), *words[:2]))


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _last_lines(text: bytes) -> str:
    lines = [line.strip() for line in text.decode(errors="surrogateescape").splitlines()]
    telling = [line for line in lines if line and not _CHATTER.search(line)]
    return paths.printable("; ".join(telling[-_LINES:]))[-_WORDS:] or "it said nothing"


class Daemon:
    """A program that serves on a socket while a session lasts.

    A daemon that is gone is told apart from an image that it refused; its log is in the session's home.
    """

    def __init__(self, process: subprocess.Popen[bytes], name: str, log: Path) -> None:
        self._process = process
        self._name = name
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise EngineError where it has ended by itself."""
        status = self._process.poll()
        if status is not None:
            said = _last_lines(self._log.read_bytes())
            raise EngineError(f"{self._name} died in the middle: {_how(status)}: {said}")

    def ask(self, argv: Sequence[str], env: Mapping[str, str], *, timeout: float = TIMEOUT) -> str:
        """As `run`, for a client of the daemon; one that is gone may leave its client waiting."""
        try:
            return run(argv, env, timeout=timeout)
        except (Refused, EngineError):
            time.sleep(_PAUSE)  # a client is sooner told of a death than we are
            self.check()
            raise


@contextmanager
def daemon(
    argv: Sequence[str], env: Mapping[str, str], *, home: str, socket: str, patience: float = START_TIMEOUT
) -> Iterator[Daemon]:
    """Start a daemon and wait until it listens. Raises EngineError where that takes over `patience` s."""
    name = os.path.basename(argv[0])
    log = Path(home) / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_it_listens(process, socket, name, log, patience)
        yield Daemon(process, name, log)
    finally:
        process.terminate()
        try:
            process.wait(START_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(
    process: subprocess.Popen[bytes], socket: str, name: str, log: Path, patience: float
) -> None:
    deadline = time.monotonic() + patience
    while not os.path.exists(socket):
        status = process.poll()
        if status is not None:
            raise EngineError(f"{name} does not start: {_how(status)}: {_last_lines(log.read_bytes())}")
        if time.monotonic() > deadline:
            raise EngineError(f"{name} does not listen after {patience:g} s: {_last_lines(log.read_bytes())}")
        time.sleep(_PAUSE)


def search_path() -> str:
    """PATH with the directories of system programs, which not every user has in it."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def found(program: str) -> str:
    """The path of a program; "" where it is not installed."""
    path = shutil.which(program, path=search_path())
    return os.path.abspath(path) if path else ""


def environment(home: str, **more: str) -> dict[str, str]:
    """What the programs of an engine find in their environment, whoever runs the suite."""
    for name in ("tmp", "xdg"):
        os.makedirs(f"{home}/{name}", 0o700, exist_ok=True)
    return {
        "PATH": search_path(), "LANG": "C.UTF-8", "HOME": home,
        "TMPDIR": f"{home}/tmp", "XDG_RUNTIME_DIR": f"{home}/xdg", **more,
    }  # fmt: skip
