"""A guest from any kernel image: a virtual machine that virtme-run starts on the host's own files.

It lives in a private world as `Uml` does. Where KVM does not run guests QEMU emulates the processor (TCG),
which takes ten times as long.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import Final

from dirmeta.labs import agent
from dirmeta.labs.base import LabError
from dirmeta.labs.guest import kvm, machine
from dirmeta.labs.guest.bzimage import Kernel
from dirmeta.labs.guest.console import explanation
from dirmeta.labs.guest.lab import GuestLab
from dirmeta.labs.native import compiling, inside
from dirmeta.labs.native.console import Console
from dirmeta.labs.native.ear import Late, Lost
from dirmeta.labs.native.port import Port
from dirmeta.sandbox.worker import START_TIMEOUT, Worker, WorkerError

BOOT_TIMEOUT: Final = 120.0
"""Seconds. Emulated ones take 4 to 20 on an idle machine."""
KVM_BOOT_TIMEOUT: Final = 30.0
SLOWER: Final = 3.0
"""How many times longer than other guests an emulated one may take for an answer."""
_MEMORY: Final = "1024M"
_PACKAGES: Final = {
    "virtme-run": "virtme-ng",
    "qemu-system-x86_64": "qemu-system-x86",
    "file": "file",
    "depmod": "kmod",
    "busybox": "busybox-static",
    "virtiofsd": "virtiofsd",
}
"""Programs that virtme-run calls, itself included, and Debian's packages of them."""
_FOR_MODULES: Final = ("depmod", "busybox")
_MORE_PLACES: Final = ("/usr/sbin", "/sbin", "/usr/libexec", "/usr/lib/virtiofsd")
"""Where to look beside PATH; not in /usr/lib/qemu, whose virtiofsd is another program on Debian 12."""
REASONS: Final = (
    (
        ("Failed to mount real root", "Unable to mount root fs", "Cannot open root device"),
        "it can not mount the host's files; it needs CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO and "
        "CONFIG_VIRTIO_PCI, or modules=DIR where they are modules",
    ),
    (
        (machine.NO_PORT,),
        "it has no virtio port; it needs CONFIG_VIRTIO_CONSOLE, or modules=DIR where that is a module",
    ),
)
"""What the console says, and what that means."""


class Hung(LabError):
    """A guest that did not come up in time."""


class Image:
    """A booted guest.

    name      what messages call it
    cpus      processors that it has
    emulated  whether QEMU is to emulate the processor
    Raises LabError where it does not boot.
    """

    def __init__(self, kernel: Kernel, name: str, *, cpus: int, emulated: bool) -> None:
        self._patience = SLOWER if emulated else 1.0
        program = find_programs(kernel, name)
        inner = compiling.agent().read_bytes()
        self.console = Console()
        self._port = port = Port(self.console)
        try:
            self._world = Worker(fds=(port.theirs, self.console.writing))
        except WorkerError as error:
            self._close_files()
            raise LabError(str(error)) from error
        try:
            words = command(program, kernel, port.theirs, cpus, emulated=emulated)
            self._world.call_within(START_TIMEOUT, machine.lay_out, kernel)
            self._world.call_within(
                START_TIMEOUT, inside.boot, words, inner, (port.theirs,), self.console.writing, ()
            )
            port.hand_over()
            self.console.hand_over()
            port.wait(BOOT_TIMEOUT if emulated else KVM_BOOT_TIMEOUT)
        except (WorkerError, Lost, Late) as error:
            why = str(error) if isinstance(error, WorkerError) else explanation(self.console, REASONS)
            self.close()
            kind = Hung if isinstance(error, Late) else LabError
            raise kind(f"{name} does not boot: {why}") from error
        except BaseException:  # an interrupt
            self.close()
            raise
        self.console.news()

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """See `Port.exchange`."""
        return self._port.exchange(request, timeout * self._patience)

    def close(self) -> None:
        """Kill it; nothing is left when this returns."""
        self._world.kill()
        self._close_files()

    def _close_files(self) -> None:
        self._port.close()
        self.console.close()


class ImageLab(GuestLab):
    """A `GuestLab` that remarks on it if the processor is emulated, and why."""

    def __init__(
        self,
        image: Kernel,
        name: str,
        subject: agent.Unpacks | None = None,
        *,
        cpus: int = 1,
        backing: str = "tmpfs",
    ) -> None:
        find_programs(image, name)
        self._image = image
        self._name = name
        self._cpus = cpus
        self._obstacle = kvm.obstacle(_which("qemu-system-x86_64") or "", image.image)
        super().__init__(self._booted, subject, backing=backing)

    def _booted(self) -> Image:
        """A guest; where it hangs while it boots, on KVM or as emulated ones now and then do, another."""
        try:
            return Image(self._image, self._name, cpus=self._cpus, emulated=bool(self._obstacle))
        except Hung:
            self._obstacle = self._obstacle or kvm.HANG
            return Image(self._image, self._name, cpus=self._cpus, emulated=True)

    @property
    def remark(self) -> str:
        return f"emulated: {self._obstacle}" if self._obstacle else ""


def find_programs(kernel: Kernel, name: str) -> str:
    """The path of virtme-run. Raises LabError where it, or what it needs, is not installed."""
    needed = ["virtme-run", "qemu-system-x86_64", "file"]
    needed += _FOR_MODULES if kernel.modules is not None else ()
    needed += () if kernel.speaks_9p else ["virtiofsd"]
    missing = [each for each in needed if not _which(each)]
    if missing:
        packages = " ".join(_PACKAGES[each] for each in missing)
        hint = " (on Debian 12: pip install virtme-ng)" if "virtme-run" in missing else ""
        raise LabError(f"{name} needs {_listed(missing)}; apt-get install {packages}{hint}")
    return _which("virtme-run") or ""


def _which(program: str) -> str | None:
    places = (os.path.dirname(sys.executable), os.environ.get("PATH", ""), *_MORE_PLACES)
    return shutil.which(program, path=os.pathsep.join(places))


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def command(program: str, kernel: Kernel, port: int, cpus: int, *, emulated: bool) -> list[str]:
    """Program and arguments, for `inside.boot`.

    port  the descriptor for messages
    """
    modules = "none" if kernel.modules is None else "auto"
    return [
        program, "--kimg", "{scratch}/" + machine.IMAGE, f"--mods={modules}",
        "--disable-microvm", *(["--force-9p"] if kernel.speaks_9p else []),
        *(["--disable-kvm"] if emulated else []),
        "--cpus", str(cpus), "--memory", _MEMORY, "--show-boot-console", "--kopt", "loglevel=5",
        "--script-sh", "exec sh {scratch}/" + machine.START + " >/dev/console 2>&1",
        "--qemu-opts", "-chardev", f"socket,id={machine.PORT},fd={port}", "-device", "virtio-serial-pci",
        "-device", f"virtserialport,chardev={machine.PORT},name={machine.PORT}",
    ]  # fmt: skip
