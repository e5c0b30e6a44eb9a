"""Kernels that are started for the run: User Mode Linux, and any image in a virtual machine."""
