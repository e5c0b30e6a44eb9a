"""Layers, cases and the oracle: what is true of dirmeta, as pure functions over plain data.

No I/O, no clock, no pytest, no hypothesis. Everything else in the package is a way of looking at
what is defined here.
"""
