"""Kernels from source, tried without a network and without a compiler."""
