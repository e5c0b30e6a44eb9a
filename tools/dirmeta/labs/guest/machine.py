"""What is laid out in the private world of a virtual machine, beside what `native.inside.boot` does there."""

from __future__ import annotations

import os
from typing import Final

from dirmeta.labs.guest.bzimage import Kernel
from dirmeta.sandbox import serve

PORT: Final = "dirmeta"
IMAGE: Final = "boot/bzImage"
START: Final = "start"
NO_PORT: Final = "dirmeta: the guest has no virtio port"
_KINDS: Final = "ext4 xfs btrfs erofs squashfs"
"""File systems that layers may be on, where there is a program that makes them."""
_SCRIPT: Final = f"""\
place=${{0%/*}}
PATH=$PATH:/usr/sbin:/sbin
# Nobody loads them on request there: /lib/modules is the host's.
modules="overlay loop"
for kind in {_KINDS}; do
    command -v mkfs.$kind mk$kind >/dev/null && modules="$modules $kind"
done
test ! -d "$place/lib" || modprobe -q -a -d "$place" $modules
for port in /sys/class/virtio-ports/*; do
    read -r name < "$port/name" && test "$name" = {PORT} && LINE=/dev/${{port##*/}}
done
test "$LINE" || {{ echo "{NO_PORT}"; exit 1; }}
export LINE CALLS=plain
exec "$place/agent"
"""


def lay_out(kernel: Kernel) -> None:
    """The image, its modules and a script for the guest to start, under names of this world's own.

    Where an image lies decides for virtme-run where its modules are; and depmod has to write beside them.
    """
    place = serve.scratch()
    os.makedirs(f"{place}/boot")
    os.symlink(kernel.image, f"{place}/{IMAGE}")
    if kernel.modules is not None:
        modules = f"{place}/lib/modules/{kernel.release}"
        os.makedirs(modules)
        for name in os.listdir(kernel.modules):
            os.symlink(kernel.modules / name, f"{modules}/{name}")
    with open(f"{place}/{START}", "w", encoding="utf-8") as file:
        file.write(_SCRIPT)
