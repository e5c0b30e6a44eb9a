"""What of a kernel's source is not kept: most of its bytes, which no guest of the suite compiles.

Their Makefiles and Kconfig files stay, for make reads them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_FOLDERS: Final = (
    "drivers/gpu", "drivers/media", "drivers/staging", "drivers/net/ethernet", "drivers/net/wireless",
    "arch/arm", "arch/arm64", "arch/mips", "arch/powerpc", "tools/perf", "Documentation/devicetree",
)  # fmt: skip
_SUFFIXES: Final = (".c", ".h", ".S", ".dts", ".dtsi", ".yaml")
_PREFIXES: Final = tuple(f"{folder}/" for folder in _FOLDERS)


def is_left_out(path: str) -> bool:
    """Whether a path relative to the source's root is one of these."""
    return path.startswith(_PREFIXES) and path.endswith(_SUFFIXES)


def tar_patterns() -> Iterator[str]:
    """The same for tar's --exclude, in an archive that has all below one directory."""
    yield from (f"*/{folder}/*{suffix}" for folder in _FOLDERS for suffix in _SUFFIXES)
