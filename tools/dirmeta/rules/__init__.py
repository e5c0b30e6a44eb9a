"""The rules: the catalogue as data, and for each rule the pure function that checks it."""

from dirmeta.rules import agreement, compat, merge, nested, parity, racing, shapes, unpack, writing

registered = (agreement, compat, merge, nested, parity, racing, shapes, unpack, writing)
"""The modules whose checks `registry.CHECKS` holds."""
