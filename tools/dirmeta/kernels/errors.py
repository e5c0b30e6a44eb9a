"""What stands in the way of a kernel."""

from __future__ import annotations


class KernelError(RuntimeError):
    """A kernel that can not be had: one line that names the obstacle and the remedy."""


class KernelUsageError(KernelError):
    """A kernel was asked for that there can not be: exit status 2."""
