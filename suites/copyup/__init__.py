"""COPYUP: writing through a mount."""
