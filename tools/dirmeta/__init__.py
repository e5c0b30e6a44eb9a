"""A conformance test suite for directory metadata delegation in overlayfs stacks (SPEC.md)."""

__version__ = "0.1.0"
