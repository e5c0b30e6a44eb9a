"""What stands in the way of a private world or its scratch space."""

from __future__ import annotations


class Obstacle(RuntimeError):
    """Something that can not be had here; the text is one line for a user, and ends in the remedy."""
