"""Kernels built from source: stock, with the reference patch, with a user's own, or a developer's tree."""

from dirmeta.kernels.builds import build, copy_of_source, find, tree
from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.store import Built, Store
from dirmeta.kernels.variants import Arch, Variant, reference

__all__ = [
    "Arch",
    "Built",
    "KernelError",
    "KernelUsageError",
    "Store",
    "Variant",
    "build",
    "copy_of_source",
    "find",
    "reference",
    "tree",
]
