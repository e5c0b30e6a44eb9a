"""Kernels with the feature and without it."""
