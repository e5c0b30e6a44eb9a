"""Mounting an overlay by system call. Names are relative to the working directory, so that hundreds of
layers fit into the one page that mount(2) takes."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from collections.abc import Iterator
from typing import Final

from dirmeta.model import overlayfs
from dirmeta.observe.steps import Mount
from dirmeta.sandbox import namespace, syscalls

EMPTY: Final = ".empty"
"""A helper layer: an overlay without an upper wants two lowers."""
READ_ONLY: Final = ("ro", "")
_MESSAGE_MAX: Final = 1 << 12


def overlay(step: Mount) -> None:
    """Do the step. OSError has what the kernel says about it."""
    namespace.assert_private()
    lowers = _lowers(step)
    for directory in directories(step):
        os.makedirs(directory, 0o755, exist_ok=True)
    for directory, mark in marked(step):
        with contextlib.suppress(PermissionError):  # who may not write it does not have it read either
            os.setxattr(directory, mark, overlayfs.YES)
    options = data(step)
    if step.append or len(options) >= mmap.PAGESIZE:
        _by_parameters(step, lowers, step.at)
    else:
        _by_string(step, lowers, options)


def directories(step: Mount) -> tuple[str, ...]:
    """Those that a mount needs, layers included."""
    return (step.at, *_lowers(step), *_uppers(step).values())


def marked(step: Mount) -> tuple[tuple[str, str], ...]:
    """Directories that have to be marked, and by which xattr: the helper layer must not lend the mount's root
    its metadata where all other roots are marked. A kernel without the feature sees nothing of it."""
    if EMPTY not in _lowers(step):
        return ()
    return ((EMPTY, overlayfs.mark_name("user" if ("userxattr", "") in step.options else "trusted")),)


def _lowers(step: Mount) -> tuple[str, ...]:
    """Those asked for, and one more where the kernel would find them too few."""
    return (*step.lowers, EMPTY) if len(step.lowers) == 1 and not step.upper else step.lowers


def _uppers(step: Mount) -> dict[str, str]:
    return {"upperdir": step.upper, "workdir": f"{step.upper}.work"} if step.upper else {}


def data(step: Mount) -> str:
    """The option string of the step for mount(2)."""
    lowers = _lowers(step)
    merged = len(lowers) - step.data_only
    lowerdir = ":".join(lowers[:merged]) + "".join(f"::{name}" for name in lowers[merged:])
    # Before 6.5, overlayfs does not know the options that are flags of mount(2).
    options = (option for option in step.options if option != READ_ONLY)
    named = (("lowerdir", lowerdir), *_uppers(step).items(), *options)
    return ",".join(f"{name}={value}" if value else name for name, value in named)


def flags(step: Mount) -> int:
    """Those of mount(2) for the step."""
    return syscalls.MS_RDONLY if READ_ONLY in step.options else 0


def _by_string(step: Mount, lowers: tuple[str, ...], options: str) -> None:
    try:
        syscalls.mount("overlay", step.at, "overlay", flags(step), options)
    except OSError as error:
        why = _messages_of_another_try(step, lowers)
        raise OSError(error.errno, f"{error.strerror}{why}", step.at) from error


def _messages_of_another_try(step: Mount, lowers: tuple[str, ...]) -> str:
    """What the kernel says when the same mount is asked for in the way that gives messages."""
    try:
        _by_parameters(step, lowers, None)
    except OSError as error:
        _, bracket, messages = (error.strerror or "").partition(" (")
        return bracket + messages
    return ""


def _by_parameters(step: Mount, lowers: tuple[str, ...], at: str | None) -> None:
    """Mount with fsconfig(2), on `at`, or only try where that is None."""
    context = syscalls.fsopen("overlay")
    try:
        for name, value in _parameters(step, lowers):
            _set(context, name, value)
        syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
        if at is not None:
            mounted = syscalls.fsmount(context)
            try:
                syscalls.move_mount(mounted, at)
            finally:
                os.close(mounted)
    except OSError as error:
        messages = "; ".join(_messages(context))
        text = f"{error.strerror} ({messages})" if messages else error.strerror
        raise OSError(error.errno, text, *([error.filename] if error.filename else [])) from error
    finally:
        os.close(context)


def _parameters(step: Mount, lowers: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    merged = len(lowers) - step.data_only
    for number, name in enumerate(lowers):
        yield ("lowerdir+" if number < merged else "datadir+"), name
    yield from _uppers(step).items()
    yield from step.options


def _set(context: int, name: str, value: str) -> None:
    if value:
        syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, name, value)
    else:
        syscalls.fsconfig(context, syscalls.FSCONFIG_SET_FLAG, name)


def _messages(context: int) -> Iterator[str]:
    """What the kernel logged to a file-system context, one message a read until there is none."""
    with contextlib.suppress(OSError):
        while message := os.read(context, _MESSAGE_MAX):
            yield message.decode(errors="replace").strip().removeprefix("e ").removeprefix("overlay: ")


def accepts_feature() -> bool:
    """Whether this kernel takes the option dirmeta_delegate, which is its claim to have the feature."""
    step = Mount("feature", ("feature.1", "feature.2"), options=(("dirmeta_delegate", "on"),))
    try:
        overlay(step)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    syscalls.umount(step.at)
    return True
