"""Subjects that are built from source."""
