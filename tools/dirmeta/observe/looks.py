"""Several ways to ask for the same thing, to see whether they agree."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable

from dirmeta.observe.kernel import Kernel
from dirmeta.observe.steps import Identity

THREADS = 4
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

Look = tuple[int, int, int, int]
"""mode, uid, gid, mtime in ns."""
Looks = dict[str, dict[str, Look]]


def agree(directory: str, kernel: Kernel) -> Looks:
    """Every directory's metadata as each way gives it; see `steps.Agree`. Opens all of them at once."""
    held: dict[str, int] = {}
    try:
        for path in _directories(directory):
            held[path] = os.open(_place(directory, path), _DIRECTORY)
        looks = {path: _ways(_place(directory, path), fd, kernel) for path, fd in held.items()}
    finally:
        for fd in held.values():
            os.close(fd)
    _in_threads(lambda number: _look_again(directory, looks, f"thread{number}"))
    return looks


def _directories(directory: str) -> list[str]:
    found = [""]
    for path in found:
        with os.scandir(_place(directory, path)) as listing:
            found += [
                f"{path}/{entry.name}" if path else entry.name
                for entry in listing
                if entry.is_dir(follow_symlinks=False)
            ]
    return found


def _place(directory: str, path: str) -> str:
    return f"{directory}/{path}" if path else directory


def _ways(place: str, held: int, kernel: Kernel) -> dict[str, Look]:
    return {
        "stat": _look(os.stat(place)),
        "lstat": _look(os.lstat(place)),
        "fstat": _look_by(place, _DIRECTORY),
        "path": _look_by(place, os.O_PATH | _DIRECTORY),
        "statx": kernel.statx(place),
        "held": _look(os.fstat(held)),
    }


def _look_by(place: str, flags: int) -> Look:
    fd = os.open(place, flags)
    try:
        return _look(os.fstat(fd))
    finally:
        os.close(fd)


def _look(status: os.stat_result) -> Look:
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns


def _look_again(directory: str, looks: Looks, way: str) -> None:
    for path, ways in looks.items():
        ways[way] = _look(os.lstat(_place(directory, path)))


def _in_threads(work: Callable[[int], None]) -> None:
    """Run `work` in `THREADS` threads that start together; the first error is raised here."""
    barrier = threading.Barrier(THREADS)
    errors: list[OSError] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, THREADS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def identify(directory: str, kernel: Kernel) -> dict[str, Identity]:
    """What the kernel says of every name but the root; one that a look-up does not find is no name."""
    found: dict[str, Identity] = {}
    todo = [""]
    while todo:
        above = todo.pop()
        for name, inode, kind in _listing(_place(directory, above), kernel):
            path = f"{above}/{name}" if above else name
            place = f"{directory}/{path}"
            try:
                status = os.lstat(place)
            except FileNotFoundError:
                continue
            found[path] = Identity(
                d_type=kind, d_ino=inode, st_ino=status.st_ino, st_dev=status.st_dev,
                mode_type=stat.S_IFMT(status.st_mode), handle=kernel.handle(place),
            )  # fmt: skip
            if stat.S_ISDIR(status.st_mode):
                todo.append(path)
    return found


def _listing(place: str, kernel: Kernel) -> list[tuple[str, int, int]]:
    fd = os.open(place, _DIRECTORY)
    try:
        return kernel.entries(fd)
    finally:
        os.close(fd)
