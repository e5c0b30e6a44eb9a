"""How trouble is told from what a kernel writes on its console."""

from __future__ import annotations

import os

import pytest

from dirmeta.labs.guest.console import agent_failure, excerpt, trouble
from dirmeta.labs.native.console import Console

LINES = {
    "panic": "[    0.17] Kernel panic - not syncing: Kernel mode fault at addr 0x0, ip 0x6021e7be",
    "oops": "[  1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "bug": "[  1.0] kernel BUG at fs/overlayfs/inode.c:906!",
    "KASAN": "[  1.0] BUG: KASAN: slab-use-after-free in ovl_get_inode+0x1/0x2",
    "UBSAN": "[  1.0] UBSAN: array-index-out-of-bounds in fs/overlayfs/namei.c:1081:12",
    "lockdep": "[  1.0] WARNING: possible circular locking dependency detected",
    "atomic sleep": "[  1.0] BUG: sleeping function called from invalid context",
    "hung task": "[ 99.0] INFO: task python3:22 blocked for more than 10 seconds.",
    "warning": "[  1.0] WARNING: CPU: 0 PID: 22 at fs/overlayfs/inode.c:906 ovl_get_inode+0x284/0x8c0",
}
HARMLESS = (
    "[  0.1] overlayfs: fs on 'l1' does not support file handles, falling back to index=off,nfs_export=off.",
    "[  0.1] epollctl add err fd 11, Operation not permitted",
    "[  0.1] loop0: detected capacity change from 0 to 614400",
)


@pytest.mark.parametrize("kind", LINES)
def test_trouble_is_called_by_its_name(kind: str) -> None:
    text = f"{HARMLESS[0]}\n{LINES[kind]}\n[ 1.0] Call Trace:\n"
    assert trouble(text)[0] == kind
    assert excerpt(text) == (LINES[kind], "[ 1.0] Call Trace:")


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_said_in_passing_is_no_trouble(line: str) -> None:
    assert trouble(line) == ("", "")


def test_an_agent_that_gives_up_is_no_trouble_of_the_kernel() -> None:
    init = "[  0.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"
    assert agent_failure(f"dirmeta agent: an answer is too long\n{init}") == "an answer is too long"
    assert agent_failure(init) == "it crashed"
    assert trouble(init) == ("", "")
    assert agent_failure(f"{LINES['oops']}\n{init}") == ""
    assert agent_failure(HARMLESS[0]) == ""


def test_a_console_that_is_flooded_keeps_what_came_first() -> None:
    console = Console()
    os.write(console.writing, b"first\n")
    for _ in range(200):
        os.write(console.writing, bytes(1 << 15))
        console.read()
    assert len(console.text()) < 5 << 20
    assert console.text().startswith("first")
    console.close()


def test_a_console_tells_news_once_and_its_end() -> None:
    console = Console()
    os.write(console.writing, b"one\r\n")
    assert console.news() == "one\n"
    assert console.news() == ""
    assert console.read()
    console.hand_over()
    assert not console.read()
    assert console.last_lines() == "one"
    console.close()
