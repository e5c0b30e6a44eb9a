"""Layers and stacks as bytes, tar streams, OCI layouts and docker archives, and back."""
